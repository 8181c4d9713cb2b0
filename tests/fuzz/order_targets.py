"""Games of orders: bytes pick calls, parameters, prices near the market and moves of it, so that most are taken.

The other targets of the simulator throw one call at a venue; of these each input is a short life of an account: orders
that wait, order lists and conditional orders are placed, triggered, changed, cancelled and asked for, with time and
price moving in between. What must hold is looked at after every input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mm_trader.venue.simulator import ManualClock, Simulator, SimulatorConfig
from mm_trader.venue.simulator.actions import ActionError
from mm_trader.venue.simulator.config import LimitConfig, Product, parse_account
from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.engine.types import OrderStatus
from mm_trader.venue.simulator.server.connection import dumps
from mm_trader.venue.simulator.server.desk import Request
from mm_trader.venue.simulator.server.params import Params
from mm_trader.venue.simulator.time import NS_PER_MS
from mm_trader.venue.simulator.usdm.algo import AlgoStatus
from mm_trader.venue.simulator.usdm.desk import FuturesDesk

SYMBOL = "ETHUSDC"
KEYS = ("FUZZKEY", "OTHERKEY")
STATUSES = frozenset({200, 400, 409, 429})
STEPS = 40
OFFSETS = (0, 1, -1, 5, -5, 20, -20, 100, -100, 400, -400, 3000, -3000)
"""Of a price from the middle, in ticks of 0.01."""
IDS = ("a", "b", "c", "d", "e")
SIDES, TIFS = ("BUY", "SELL"), ("GTC", "IOC", "FOK", "GTX", "GTD", "GTE_GTC")
STPS = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")


class Bytes:
    """Choices out of an input; when it is at its end the first choice is taken, and the game ends."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def of(self, choices: Any) -> Any:
        """One of them."""
        if not self.left:
            return choices[0]
        self._at += 1
        return choices[self._data[self._at - 1] % len(choices)]

    def chance(self, one_in: int) -> bool:
        return self.left and bool(self.of([False] * (one_in - 1) + [True]))


class Game:
    """One venue and two accounts; `step` plays one move."""

    def __init__(self, product: Product) -> None:
        self.usdm = product is Product.USDM
        accounts = tuple(
            parse_account(f"{name}:{key}:secret:ETH=10,BTC=1,USDC=50000")
            for name, key in zip(("fuzz", "other"), KEYS, strict=True)
        )
        self.sim = Simulator(
            SimulatorConfig(accounts=accounts, product=product, limits=LimitConfig(0, 0, 0, 0, 0)),
            ManualClock(),
        )
        self.sim.market.start()
        self.sim.extras.start()
        self.sim.publisher.start()
        self.calls = {call.rest: call for call in self.sim.profile.calls}
        self.moves: tuple[Callable[[Bytes, int], None], ...] = (
            (self._order, self._algo, self._algo, self._change, self._cancel, self._take, self._move, self._wait, self._ask)
            if self.usdm
            else (
                self._order, self._list, self._list, self._change, self._cancel, self._take, self._move, self._wait, self._ask,
            )
        )  # fmt: skip

    def play(self, data: bytes) -> None:
        """A whole input, and a look at what must hold."""
        source = Bytes(data)
        for step in range(STEPS):
            if not source.left:
                break
            source.of(self.moves)(source, step)
        self._check()

    # --- moves ------------------------------------------------------------------------------------------------------
    def _call(self, method: str, path: str, params: dict[str, Any], key: str = KEYS[0]) -> None:
        values = {name: str(value) for name, value in params.items() if value is not None}
        request = Request(Params(values), self.sim.auth.key(key), "127.0.0.1", "fuzz")
        try:
            result = self.sim.desk.perform(self.calls[method, path], request)
        except RefusalError as error:
            assert error.status in STATUSES, error.status
            dumps({"code": error.code, "msg": error.msg, "data": error.data})
        else:
            dumps(result)

    def _price(self, source: Bytes, side: int = 0) -> str:
        """Near the middle; above it (`side` 1) or below (-1) where that is what makes sense."""
        bid, _, ask, _ = self.sim.engine.markets[SYMBOL].book.touch()
        offset = source.of(OFFSETS)
        price = max(1, (bid + ask) // 2 + (abs(offset) * side if side and not source.chance(8) else offset))
        return f"{price // 100}.{price % 100:02d}" + ("" if not source.chance(16) else "5")

    def _quantity(self, source: Bytes) -> str:
        return str(source.of(("0.1", "0.01", "0.5", "2", "30", "0.003", "0.0001", "0")))

    def _id(self, source: Bytes, step: int) -> str | None:
        """Mostly one that is new, sometimes one that is open."""
        return source.of((f"n{step}", f"n{step}", f"n{step}", None, source.of(IDS)))

    def _order(self, source: Bytes, step: int) -> None:
        plain = ("LIMIT", "MARKET", "LIMIT_MAKER")
        kinds = ("LIMIT", "MARKET", "STOP") if self.usdm else (
            *plain, "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")  # fmt: skip
        order = self._leg(source, "", source.of(kinds)) | {"symbol": SYMBOL, "side": source.of(SIDES)}
        order |= {"quantity": self._quantity(source), "newClientOrderId": self._id(source, step)}
        order |= {"selfTradePreventionMode": source.of((None, None, None, *STPS))}
        if self.usdm:
            order["reduceOnly"] = source.of((None, None, "true"))
            if source.chance(4):
                order |= {
                    "price": None,
                    "priceMatch": source.of(("QUEUE", "OPPONENT", "QUEUE_5", "OPPONENT_20")),
                }
        path = "v1/order" if self.usdm else "order"
        self._call("POST", path, order)

    def _leg(self, source: Bytes, prefix: str, kind: str, side: int = 0) -> dict[str, Any]:
        """What an order of this type must have; names begin with `prefix`, as in a list."""
        leg: dict[str, Any] = {"type": kind}
        if kind.endswith("LIMIT") or kind == "LIMIT_MAKER":
            leg["price"] = self._price(source, side)
            if kind != "LIMIT_MAKER":
                leg["timeInForce"] = source.of(TIFS[: 5 if self.usdm else 3])
        if kind.startswith(("STOP", "TAKE")):
            leg["stopPrice"] = self._price(source, side)
        if source.chance(24):
            leg.pop(source.of(sorted(leg)))
        return {
            f"{prefix}{name[0].upper()}{name[1:]}" if prefix else name: value for name, value in leg.items()
        }

    def _list(self, source: Bytes, step: int) -> None:
        waiting = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER")
        kind = source.of(("oco", "oto", "otoco", "former"))
        made: dict[str, Any] = {"symbol": SYMBOL, "listClientOrderId": self._id(source, step)}
        quantity, side = self._quantity(source), source.of(SIDES)
        if kind == "former":
            up = 1 if side == "SELL" else -1
            made |= {"price": self._price(source, up), "stopPrice": self._price(source, -up)}
            made |= {"side": side, "quantity": quantity}
            if source.chance(2):
                made |= {"stopLimitPrice": self._price(source), "stopLimitTimeInForce": "GTC"}
            self._call("POST", "order/oco", made)
            return
        if kind == "oco":
            made |= {"side": side, "quantity": quantity}
        else:
            made |= self._leg(source, "working", source.of(("LIMIT", "LIMIT_MAKER")))
            made |= {"workingSide": source.of(SIDES), "workingQuantity": self._quantity(source)}
            made |= {"pendingSide": side, "pendingQuantity": quantity}
        if kind == "oto":
            made |= self._leg(source, "pending", source.of((*waiting, "LIMIT", "MARKET")))
        else:
            gains, losses = (
                ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
                ("STOP_LOSS", "STOP_LOSS_LIMIT"),
            )
            right = (gains, losses) if side == "SELL" else (losses, gains)
            for place, kinds, where in zip(("above", "below"), right, (1, -1), strict=True):
                prefix = place if kind == "oco" else f"pending{place.capitalize()}"
                leg = source.of(waiting if source.chance(8) else kinds)
                made |= self._leg(source, prefix, leg, where)
        self._call("POST", f"orderList/{kind}", made)

    def _algo(self, source: Bytes, step: int) -> None:
        kind = source.of(("STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP", "TAKE_PROFIT", "TRAILING_STOP_MARKET"))
        order: dict[str, Any] = {
            "symbol": SYMBOL,
            "algoType": "CONDITIONAL",
            "side": source.of(SIDES),
            "type": kind,
        }
        order |= {"clientAlgoId": self._id(source, step), "workingType": source.of((None, "MARK_PRICE"))}
        order |= {"priceProtect": source.of((None, "true")), "timeInForce": source.of((None, *TIFS))}
        if order["timeInForce"] == "GTD":
            order["goodTillDate"] = self.sim.clock.now() // NS_PER_MS + source.of((700_000, 601_000, 1))
        if kind == "TRAILING_STOP_MARKET":
            order |= {"callbackRate": source.of(("0.1", "1", "20", "0.05"))}
            order["activatePrice"] = None if source.chance(2) else self._price(source)
        else:
            order["triggerPrice"] = self._price(
                source, 1 if (order["side"] == "BUY") == kind.startswith("STOP") else -1
            )
        if kind in ("STOP", "TAKE_PROFIT"):
            order |= (
                {"price": self._price(source)}
                if source.chance(2)
                else {"priceMatch": source.of(("QUEUE", "OPPONENT_5"))}
            )
        if kind.endswith("MARKET") and source.chance(3):
            order["closePosition"] = "true"
        else:
            order |= {"quantity": self._quantity(source), "reduceOnly": source.of((None, "true"))}
        order["selfTradePreventionMode"] = source.of((None, None, None, *STPS))
        self._call("POST", "v1/algoOrder", order)

    def _one(self, source: Bytes) -> dict[str, Any]:
        """Names an order: an open one, or by an id that may be nobody's."""
        account = self.sim.engine.accounts["fuzz"]
        found = list(account.open.values())
        if found and not source.chance(8):
            return {"symbol": SYMBOL, "orderId": source.of(found).id}
        return {"symbol": SYMBOL, "origClientOrderId": source.of(IDS)}

    def _change(self, source: Bytes, step: int) -> None:
        one = self._one(source)
        if self.usdm:
            change = {
                **one,
                "side": source.of(SIDES),
                "quantity": self._quantity(source),
                "price": self._price(source),
            }
            self._call("PUT", "v1/order", change)
        elif source.chance(2):
            self._call("PUT", "order/amend/keepPriority", {**one, "newQty": self._quantity(source)})
        else:
            new = self._leg(source, "", source.of(("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "LIMIT_MAKER")))
            new |= {
                "side": source.of(SIDES),
                "quantity": self._quantity(source),
                "newClientOrderId": self._id(source, step),
            }
            new |= {"cancelReplaceMode": source.of(("STOP_ON_FAILURE", "ALLOW_FAILURE")), "symbol": SYMBOL}
            names = {"orderId": "cancelOrderId", "origClientOrderId": "cancelOrigClientOrderId"}
            new |= {names.get(name, name): value for name, value in one.items()}
            self._call("POST", "order/cancelReplace", new)

    def _cancel(self, source: Bytes, _step: int) -> None:
        account = self.sim.engine.accounts["fuzz"]
        everything = source.chance(6)
        if not self.usdm:
            lists = [{"orderListId": number} for number in account.lists][-4:]
            made = source.of([*lists, {"listClientOrderId": source.of(IDS)}])
            what = source.of((("order", self._one(source)), ("orderList", {"symbol": SYMBOL, **made})))
            self._call("DELETE", *(("openOrders", {"symbol": SYMBOL}) if everything else what))
            return
        waits = [{"algoId": order.id} for order in self._desk.algos.of(account)][-4:]
        one = source.of([*waits, {"clientAlgoId": source.of(IDS)}])
        what = source.of((("v1/order", self._one(source)), ("v1/algoOrder", one)))
        if everything:
            what = (source.of(("v1/algoOpenOrders", "v1/allOpenOrders")), {"symbol": SYMBOL})
        self._call("DELETE", *what)

    def _take(self, source: Bytes, _step: int) -> None:
        """The other account trades."""
        order = {
            "symbol": SYMBOL,
            "side": source.of(SIDES),
            "type": "MARKET",
            "quantity": source.of(("0.01", "0.5", "5")),
        }
        self._call("POST", "v1/order" if self.usdm else "order", order, KEYS[1])

    def _move(self, source: Bytes, _step: int) -> None:
        try:
            self.sim.admin.do("price", symbol=SYMBOL, by_bp=source.of((1, -1, 5, -5, 20, -20, 150, -150)))
        except ActionError as error:
            assert "no price" in str(error)

    def _wait(self, source: Bytes, _step: int) -> None:
        """Time passes; nothing here has sockets that would need a loop."""
        for _ in self.sim.scheduler.advance(source.of((100, 1100, 5000)) * NS_PER_MS).__await__():
            continue

    def _ask(self, source: Bytes, _step: int) -> None:
        """The lists of what is open and what was."""
        spot = ("openOrders", "openOrderList", "allOrderList", "allOrders", "myTrades")
        futures = (
            "v1/openOrders",
            "v1/openAlgoOrders",
            "v1/allAlgoOrders",
            "v1/allOrders",
            "v3/positionRisk",
        )
        path = source.of(futures if self.usdm else spot)
        self._call("GET", path, {} if "rderList" in path else {"symbol": SYMBOL})

    @property
    def _desk(self) -> FuturesDesk:
        desk = self.sim.desk
        assert isinstance(desk, FuturesDesk)
        return desk

    # --- what must hold ---------------------------------------------------------------------------------------------
    def _check(self) -> None:
        dumps(self.sim.admin.state())
        for name in self.sim.client_accounts:
            account = self.sim.engine.accounts[name]
            for order in account.open.values():
                assert not order.is_final
                assert order.status in (
                    OrderStatus.NEW,
                    OrderStatus.PARTIALLY_FILLED,
                    OrderStatus.PENDING_NEW,
                )
            for made in account.lists.values():
                assert made.done == all(order.is_final for order in made.orders)
            if not self.usdm:
                for balance in account.balances.values():
                    assert balance.free >= 0
                    assert balance.locked >= 0
                if not account.open:
                    assert not any(balance.locked for balance in account.balances.values())
        if self.usdm:
            self._check_algos()

    def _check_algos(self) -> None:
        desk = self._desk
        assert not desk.algos.due
        waiting = [order for row in desk.algos.waiting.values() for order in row]
        assert all(order.status is AlgoStatus.NEW for order in waiting)
        for name in self.sim.client_accounts:
            for order in desk.algos.of(self.sim.engine.accounts[name]):
                assert (order.status is AlgoStatus.NEW) == (order in waiting)
                assert order.status is not AlgoStatus.TRIGGERING
                if order.status is AlgoStatus.TRIGGERED:
                    assert order.order is not None
                    assert not order.order.is_final
                if order in waiting and order.needs_position:
                    lots = desk.futures.margin.holding(order.account, order.symbol).lots
                    assert (lots > 0) if order.side.value == "SELL" else (lots < 0)


def spot_orders(data: bytes) -> None:
    """A short life of a spot account: stops, lists, changes."""
    Game(Product.SPOT).play(data)


def usdm_orders(data: bytes) -> None:
    """The same of a futures account: conditional orders, positions."""
    Game(Product.USDM).play(data)


TARGETS: dict[str, Callable[[bytes], None]] = {f.__name__: f for f in (spot_orders, usdm_orders)}


def seeds(_target: str) -> Iterator[bytes]:
    """Each move first, then different ones."""
    for move in range(9):
        yield bytes((move, *range(move, 60)))
    yield bytes((7 * i + i * i // 3) % 251 for i in range(300))

"""JSON of the futures API: orders, trades, accounts, user events. Pure; decimals are strings in the symbol's own precision, times integer ms."""

from __future__ import annotations

from typing import Any

from ..engine.account import AccountTrade
from ..engine.checks import from_e8, plain
from ..engine.events import ExecutionEvent
from ..engine.market import Market
from ..engine.types import E8, ExecType, Order, OrderStatus, OrderType, SymbolSpec, TimeInForce
from ..server.shapes import ms
from .holdings import Holding
from .margin import Income, MarginEvent

ONE_WAY = "BOTH"


def price_text(spec: SymbolSpec, ticks: int) -> str:
    return plain(ticks * spec.tick_e8, spec.price_digits)


def qty_text(spec: SymbolSpec, lots: int) -> str:
    return plain(lots * spec.lot_e8, spec.qty_digits)


def bare(text: str) -> str:
    """A decimal without the zeros that mean nothing, as user events have it."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def levels(market: Market, limit: int) -> tuple[list[list[str]], list[list[str]]]:
    """(bids, asks), best first."""
    spec = market.spec
    bids, asks = (
        [[price_text(spec, price), qty_text(spec, qty)] for price, qty in side.top(limit)]
        for side in (market.book.bids, market.book.asks)
    )
    return bids, asks


def average_text(spec: SymbolSpec, quote: int, lots: int) -> str:
    """quote / lots as a price with eight decimals, 0 where nothing is held or filled."""
    return from_e8(quote * E8 // (lots * spec.lot_e8)) if lots else "0.00000"


def order_type(order: Order) -> str:
    return "LIMIT" if order.type is OrderType.LIMIT_MAKER else order.type.value


def tif(order: Order) -> str:
    """Post-only and good-till-date are times in force here."""
    if order.good_till_ms:
        return "GTD"
    return "GTX" if order.type is OrderType.LIMIT_MAKER else order.tif.value


def status(value: OrderStatus) -> str:
    return value.value


def order(one: Order, spec: SymbolSpec) -> dict[str, Any]:
    """An order in every reply but lists, which add `time`."""
    kind = order_type(one)
    return {
        "orderId": one.id,
        "symbol": one.symbol,
        "status": status(one.status),
        "clientOrderId": one.client_id,
        "price": price_text(spec, one.price),
        "avgPrice": average_text(spec, one.executed_quote, one.executed),
        "origQty": qty_text(spec, one.qty),
        "executedQty": qty_text(spec, one.executed),
        "cumQty": qty_text(spec, one.executed),
        "cumQuote": from_e8(one.executed_quote),
        "timeInForce": tif(one),
        "type": kind,
        "reduceOnly": one.reduce_only,
        "closePosition": False,
        "side": one.side.value,
        "positionSide": ONE_WAY,
        "stopPrice": price_text(spec, 0),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": kind,
        "priceMatch": one.price_match,
        "selfTradePreventionMode": one.stp.value,
        "goodTillDate": one.good_till_ms,
        "updateTime": ms(one.updated_ns),
    }


def queried(one: Order, spec: SymbolSpec) -> dict[str, Any]:
    """An order in queries and lists."""
    return {**order(one, spec), "time": ms(one.created_ns)}


def amendment(one: Order, spec: SymbolSpec, before: tuple[int, int], number: int) -> dict[str, Any]:
    """A modification as `orderAmendment` lists it. `before`: price in ticks and lots that the order had."""
    price, lots = before
    return {
        "amendmentId": number,
        "symbol": one.symbol,
        "pair": one.symbol,
        "orderId": one.id,
        "clientOrderId": one.client_id,
        "time": ms(one.updated_ns),
        "amendment": {
            "price": {"before": price_text(spec, price), "after": price_text(spec, one.price)},
            "origQty": {"before": qty_text(spec, lots), "after": qty_text(spec, one.qty)},
            "count": one.amends,
        },
    }


def trade_incomes(trade: AccountTrade) -> list[dict[str, Any]]:
    """What a trade paid into the wallet: profit and, below zero, commission."""
    rows = []
    for kind, amount, asset in (
        ("REALIZED_PNL", trade.realised, trade.commission_asset),
        ("COMMISSION", -trade.commission, trade.commission_asset),
    ):
        if amount:
            rows.append(
                {
                    "symbol": trade.symbol,
                    "incomeType": kind,
                    "income": from_e8(amount),
                    "asset": asset,
                    "info": str(trade.id),
                    "time": ms(trade.time_ns),
                    "tranId": trade.id,
                    "tradeId": str(trade.id),
                }
            )
    return rows


def user_trade(trade: AccountTrade, spec: SymbolSpec) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "side": "BUY" if trade.is_buyer else "SELL",
        "price": price_text(spec, trade.price),
        "qty": qty_text(spec, trade.qty),
        "realizedPnl": from_e8(trade.realised),
        "quoteQty": from_e8(trade.quote),
        "commission": from_e8(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": ms(trade.time_ns),
        "positionSide": ONE_WAY,
        "buyer": trade.is_buyer,
        "maker": trade.is_maker,
    }


def income(row: Income) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": from_e8(row.amount),
        "asset": row.asset,
        "info": row.kind,
        "time": ms(row.time_ns),
        "tranId": row.id,
        "tradeId": "",
    }


def position_risk(
    symbol: str, held: Holding, spec: SymbolSpec, mark: int, *, older: bool = False
) -> dict[str, Any]:
    """positionRisk v3; `older`: v2, which also tells the leverage."""
    mult = spec.quote_mult
    margin = held.margin(mark, mult)
    own = held.position_margin(mark, mult)
    shape: dict[str, Any] = {
        "symbol": symbol,
        "positionSide": ONE_WAY,
        "positionAmt": qty_text(spec, held.lots),
        "entryPrice": average_text(spec, held.cost, held.lots),
        "breakEvenPrice": average_text(spec, held.cost, held.lots),
        "markPrice": from_e8(mark * spec.tick_e8),
        "unRealizedProfit": from_e8(held.profit(mark, mult)),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": from_e8(held.value(mark, mult)),
        "marginAsset": spec.quote,
        "isolatedWallet": "0",
        "initialMargin": from_e8(margin),
        "maintMargin": from_e8(own // 2),
        "positionInitialMargin": from_e8(own),
        "openOrderInitialMargin": from_e8(margin - own),
        "adl": 0,
        "bidNotional": from_e8(held.bids),
        "askNotional": from_e8(held.asks),
        "updateTime": ms(held.updated_ns),
    }
    if older:
        shape |= {"leverage": str(held.leverage), "marginType": "cross", "isAutoAddMargin": "false"}
    return shape


FORCED = ("autoclose-", "adl_autoclose")
"""How the client ids of the venue's own orders against a position begin."""


def execution_type(event: ExecutionEvent) -> str:
    """An amend has another name here, and an order that self-trade prevention ended expired."""
    if event.exec_type is ExecType.REPLACED:
        return "AMENDMENT"
    if event.status is OrderStatus.EXPIRED_IN_MATCH:
        return "EXPIRED"
    return event.exec_type.value


def expiry(one: Order, status: OrderStatus) -> str:
    """Why an order expired, in the venue's number; 0 for any that did not."""
    if status is OrderStatus.EXPIRED_IN_MATCH:
        return "3" if one.tif is TimeInForce.IOC else "1"
    if status is not OrderStatus.EXPIRED:
        return "0"
    if one.is_market:
        return "9"
    if one.tif is TimeInForce.IOC:
        return "2"
    return "4" if one.reduce_only else "0"


def order_update(event: ExecutionEvent, spec: SymbolSpec, now_ms: int) -> dict[str, Any]:
    """ORDER_TRADE_UPDATE."""
    one, fill = event.order, event.fill
    kind = "LIQUIDATION" if one.client_id.startswith(FORCED) else order_type(one)
    inner: dict[str, Any] = {
        "s": one.symbol,
        "c": event.orig_client_id or event.client_id,
        "S": one.side.value,
        "o": kind,
        "f": tif(one),
        "q": bare(qty_text(spec, event.qty)),
        "p": bare(price_text(spec, one.price)),
        "ap": bare(average_text(spec, event.executed_quote, event.executed)),
        "sp": bare(price_text(spec, 0)),
        "x": execution_type(event),
        "X": status(event.status),
        "i": one.id,
        "l": bare(qty_text(spec, fill.qty if fill else 0)),
        "z": bare(qty_text(spec, event.executed)),
        "L": bare(price_text(spec, fill.price if fill else 0)),
        "n": bare(from_e8(fill.commission if fill else 0)),
        "N": fill.commission_asset if fill else spec.quote,
        "T": ms(event.time_ns),
        "t": fill.id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill is not None and fill.is_maker,
        "R": one.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": kind,
        "ps": ONE_WAY,
        "cp": False,
        "rp": bare(from_e8(fill.realised if fill else 0)),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": one.stp.value,
        "pm": one.price_match,
        "gtd": one.good_till_ms,
        "er": expiry(one, event.status),
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": ms(event.time_ns), "o": inner}


def trade_lite(event: ExecutionEvent, fill: AccountTrade, spec: SymbolSpec, now_ms: int) -> dict[str, Any]:
    """TRADE_LITE: a fill without what takes the venue longer to work out."""
    one = event.order
    return {
        "e": "TRADE_LITE",
        "E": now_ms,
        "T": ms(event.time_ns),
        "s": one.symbol,
        "q": qty_text(spec, event.qty),
        "p": price_text(spec, one.price),
        "m": fill.is_maker,
        "c": event.client_id,
        "S": one.side.value,
        "L": price_text(spec, fill.price),
        "l": qty_text(spec, fill.qty),
        "t": fill.id,
        "i": one.id,
    }


def config_update(symbol: str, leverage: int, now_ms: int) -> dict[str, Any]:
    """ACCOUNT_CONFIG_UPDATE of a changed leverage."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, "ac": {"s": symbol, "l": leverage}}


def margin_call(wallet_e8: int, positions: list[dict[str, Any]], now_ms: int) -> dict[str, Any]:
    """MARGIN_CALL. `positions`: rows of positionRisk v2."""
    return {
        "e": "MARGIN_CALL",
        "E": now_ms,
        "cw": from_e8(wallet_e8),
        "p": [
            {
                "s": row["symbol"],
                "ps": row["positionSide"],
                "pa": row["positionAmt"],
                "mt": "CROSSED",
                "iw": row["isolatedWallet"],
                "mp": row["markPrice"],
                "up": row["unRealizedProfit"],
                "mm": row["maintMargin"],
            }
            for row in positions
        ],
    }


def account_update(
    event: MarginEvent, holdings: dict[str, tuple[Holding, SymbolSpec, int]], now_ms: int
) -> dict[str, Any]:
    """ACCOUNT_UPDATE. `holdings`: the positions that it names, with rules and mark; funding of a cross position names none."""
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now_ms,
        "T": ms(event.time_ns),
        "a": {
            "m": event.reason,
            "B": [
                {
                    "a": asset,
                    "wb": bare(from_e8(free)),
                    "cw": bare(from_e8(free)),
                    "bc": bare(from_e8(event.change)),
                }
                for asset, free, _ in event.balances
            ],
            "P": [
                {
                    "s": symbol,
                    "pa": bare(qty_text(spec, held.lots)),
                    "ep": bare(average_text(spec, held.cost, held.lots)),
                    "bep": bare(average_text(spec, held.cost, held.lots)),
                    "cr": bare(from_e8(held.realised)),
                    "up": bare(from_e8(held.profit(mark, spec.quote_mult))),
                    "mt": "cross",
                    "iw": "0",
                    "ps": ONE_WAY,
                    "ma": spec.quote,
                }
                for symbol, (held, spec, mark) in holdings.items()
            ],
        },
    }

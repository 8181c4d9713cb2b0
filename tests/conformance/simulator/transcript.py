"""Everything that a simulator on a virtual clock says to a fixed client, byte for byte: `python transcript.py MARKET PRODUCT`.

Prints a SHA-256 of the bytes of each raw TCP connection (market streams plain and combined or split, the WebSocket API,
with user data on spot, the futures' private stream, REST) with their number. HTTP heads, dates and frame headers are among the bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
from typing import Any

from simwire import KEY, SECRET, sign, ws_payload

from mm_trader.venue.simulator import ManualClock, Simulator, SimulatorConfig
from mm_trader.venue.simulator.config import Product, parse_account, parse_market, parse_symbols
from mm_trader.venue.simulator.time import NS_PER_MS, NS_PER_S

DEADLINE_S = 60
MASK = b"\x01\x02\x03\x04"

ETH = {"symbol": "ETHUSDC"}
PAIR = {"side": "SELL", "quantity": "0.02", "aboveType": "LIMIT_MAKER", "abovePrice": "2610",
        "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "2596", "belowPrice": "2580", "belowTimeInForce": "GTC"}  # fmt: skip
WORKS = {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "2605", "workingQuantity": "0.02",
         "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "0.01"}  # fmt: skip
SPOT_LISTS: dict[int, tuple[str, dict[str, Any]]] = {
    1: ("orderList.place.oco", PAIR | {"listClientOrderId": "pair"}),
    2: ("orderList.place.oto", WORKS | {"pendingType": "STOP_LOSS", "pendingStopPrice": "2597"}),
    4: ("order.place", {"side": "BUY", "type": "TAKE_PROFIT", "quantity": "0.02", "stopPrice": "2598"}),
    7: (
        "orderList.place.otoco",
        {
            **WORKS,
            "pendingAboveType": "TAKE_PROFIT",
            "pendingAboveStopPrice": "2700",
            "pendingBelowType": "STOP_LOSS",
            "pendingBelowStopPrice": "2300",
            "listClientOrderId": "three",
        },
    ),
    10: ("orderList.cancel", {"listClientOrderId": "three"}),
}
"""By turn: order lists and stops of spot, some of which the fall of turn 6 triggers."""
CONDITIONAL = {"algoType": "CONDITIONAL", "side": "SELL", "quantity": "0.02"}
FUTURES_ALGOS: dict[int, tuple[str, dict[str, Any]]] = {
    1: ("algoOrder.place", CONDITIONAL | {"type": "STOP_MARKET", "triggerPrice": "2597"}),
    2: ("algoOrder.place", CONDITIONAL | {"type": "TRAILING_STOP_MARKET", "callbackRate": "0.1"}),
    3: (
        "algoOrder.place",
        CONDITIONAL
        | {
            "type": "TAKE_PROFIT",
            "side": "BUY",
            "triggerPrice": "2598",
            "price": "2500",
            "clientAlgoId": "low",
        },
    ),
    4: (
        "algoOrder.place",
        CONDITIONAL | {"type": "STOP", "triggerPrice": "2400", "priceMatch": "QUEUE", "clientAlgoId": "far"},
    ),
    5: (
        "algoOrder.place",
        CONDITIONAL
        | {"type": "STOP_MARKET", "reduceOnly": "true", "triggerPrice": "2596", "workingType": "MARK_PRICE"},
    ),
    10: ("algoOrder.cancel", {"clientAlgoId": "far"}),
}
"""By turn: conditional orders of the futures, some of which the fall of turn 6 triggers."""


class Tap:
    """A raw connection; `heard` is all that ever came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard = bytearray()
        self.writer = writer
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65_536):
            self.heard += data
            self._more.set()

    async def until(self, mark: bytes, start: int = 0) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.heard.find(mark, start) < 0:
                self._more.clear()
                await self._more.wait()

    def text(self, value: Any) -> None:
        """A masked text frame."""
        data = json.dumps(value).encode()
        size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self.writer.write(b"\x81" + size + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(data)))

    def close(self) -> None:
        self._task.cancel()
        self.writer.close()


async def tap(sim: Simulator, path: str | None) -> Tap:
    """A connection, upgraded to a WebSocket at `path`, or plain where there is none."""
    one = Tap(*await asyncio.open_connection("127.0.0.1", sim.port))
    if path is not None:
        one.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await one.until(b"\r\n\r\n")
    return one


async def transcript(market: str, product: Product) -> dict[str, bytes]:
    """The bytes of each connection."""
    usdm = product is Product.USDM
    config = SimulatorConfig(
        accounts=(parse_account(f"alpha:{KEY}:{SECRET}:ETH=10,BTC=1,USDC=50000"),),
        product=product,
        market=parse_market(market),
        symbols=parse_symbols("ETHUSDC,BTCUSDC", product),
        ping_interval_s=20,
    )
    streams = "ethusdc@depth@100ms/ethusdc@bookTicker/ethusdc@trade/ethusdc@aggTrade/btcusdc@depth20"
    async with Simulator(config, ManualClock()) as sim:
        plain = await tap(sim, "/ws/" + streams)
        combined = await tap(sim, "/stream?streams=" + streams)
        api = await tap(sim, "/ws-fapi/v1" if usdm else "/ws-api/v3")
        rest = await tap(sim, None)
        number = 0

        def signed(**params: Any) -> dict[str, Any]:
            params |= {"apiKey": KEY, "timestamp": sim.clock.now() // NS_PER_MS}
            return {**params, "signature": sign(ws_payload(params), SECRET)}

        async def call(method: str, params: dict[str, Any]) -> None:
            nonlocal number
            number += 1
            api.text({"id": f"n{number}", "method": method, "params": params})
            await api.until(f'"id":"n{number}"'.encode())

        taps = {"plain": plain, "combined": combined, "api": api, "rest": rest}
        if usdm:
            start = len(api.heard)
            await call("userDataStream.start", {"apiKey": KEY})
            found = re.search(rb'"listenKey":"(\w+)"', bytes(api.heard[start:]))
            assert found is not None, "the key is in the reply"
            taps["private"] = await tap(sim, f"/private/ws/{found[1].decode()}")
        else:
            await call("userDataStream.subscribe.signature", signed())
        sim.admin.do("fault", fault="duplicate_user_event", count=2)
        sim.admin.do("delay", what="user", ms=30, jitter_ms=40)
        for turn in range(12):
            side = "BUY" if turn % 2 else "SELL"
            order = {"symbol": "ETHUSDC", "side": side, "type": "MARKET", "quantity": "0.05"}
            if turn % 3:
                price = "2599.00" if side == "BUY" else "2601.00"
                order |= {"type": "LIMIT", "timeInForce": "GTC", "price": price}
            if not usdm and turn % 4 == 1:
                order |= {
                    "type": "STOP_LOSS_LIMIT",
                    "timeInForce": "GTC",
                    "price": "2602",
                    "stopPrice": "2601",
                }
            await call("order.place", signed(**order))
            more = (FUTURES_ALGOS if usdm else SPOT_LISTS).get(turn)
            if more is not None:
                await call(more[0], signed(**ETH | more[1]))
            path = "/fapi/v1/depth" if usdm else "/api/v3/depth"
            start = len(rest.heard)
            rest.writer.write(f"GET {path}?symbol=ETHUSDC&limit=20 HTTP/1.1\r\nHost: sim\r\n\r\n".encode())
            await rest.until(b'"asks"', start)
            if turn == 6:
                sim.admin.do("price", symbol="ETHUSDC", by_bp=-25)
            await sim.advance(4 * NS_PER_S)
            for one in (plain, combined):
                one.text({"method": "LIST_SUBSCRIPTIONS", "id": turn})
                await one.until(f'"id":{turn}'.encode() + b"}", 0)
        await call("time", {})
        heard = {name: bytes(one.heard) for name, one in taps.items()}
        for one in taps.values():
            one.close()
    return heard


def main() -> None:
    heard = asyncio.run(transcript(sys.argv[1], Product(sys.argv[2])))
    for name, data in heard.items():
        print(name, len(data), hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    main()

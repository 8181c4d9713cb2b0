"""A trader killed with orders in a symbol that its next config does not name: they do not rest for ever, and what the symbol held is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shellkit.processes import IDENTITY, Trader, Venue, trader_config, venue_positions
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.redis_contract import Keys, LedgerRecord

LEFT = "BTCUSDC"


async def test_orders_of_a_symbol_that_is_configured_no_more_are_swept_and_its_ledger_is_kept(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    keys, client = Keys(IDENTITY), redis_server.client

    started: list[Trader] = []

    async def trader(*symbols: str) -> Trader:
        config = trader_config(tmp_path, venue.url, redis_server.url, symbols=list(symbols))
        started.append(Trader(tmp_path, config))
        await started[-1].start()
        return started[-1]

    def stored() -> LedgerRecord:
        return LedgerRecord.model_validate_json(client.get(keys.ledger))

    async def open_symbols() -> set[str]:
        return {order["symbol"] for order in await venue.open_orders()}

    async def held() -> Any:
        return venue_positions(await venue.journal()).get(LEFT)

    async def has_traded_and_rests() -> bool:
        truth = await held()
        return bool(truth and truth[0]) and LEFT in await open_symbols()

    try:
        left_one = False
        while not left_one:  # it may have been filled in the instant between the look and the kill
            both = await trader("ETHUSDC", LEFT)
            await until(
                has_traded_and_rests, "a position in the symbol that will be left out, and an order", 60
            )
            await both.kill()
            # so that what rests is not filled meanwhile: it is to be cancelled
            await venue.act("status", symbol=LEFT, status="CANCEL_ONLY")
            left_one = LEFT in await open_symbols()
            if not left_one:
                await venue.act("status", symbol=LEFT, status="TRADING")
        one = await trader("ETHUSDC")
        await one.quoting()
        assert await open_symbols() == {"ETHUSDC"}
        assert {json.loads(text)["symbol"] for text in client.hgetall(keys.orders).values()} <= {"ETHUSDC"}
        assert '"OrdersLeftBehind"' in one.own_text()
        assert ('"DormantPosition"' in one.own_text()) is bool(stored().positions[LEFT].position)
        assert await one.terminate() == 0, one.own_text()[-3000:]
        await venue.act("status", symbol=LEFT, status="TRADING")
        back = await trader("ETHUSDC", LEFT)
        await back.quoting()
        assert '"OrdersLeftBehind"' not in back.own_text()
        assert await back.terminate() == 0, back.own_text()[-3000:]
    finally:
        for process in started:
            await process.kill()
    truth = venue_positions(await venue.journal())
    for symbol, (position, cash, _ids) in truth.items():
        assert stored().positions[symbol].position == position
        assert stored().positions[symbol].cash == cash


async def test_a_symbol_that_the_venue_does_not_know_any_more_holds_nobody_up(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    trader = Trader(tmp_path, trader_config(tmp_path, venue.url, redis_server.url, symbols=["ETHUSDC"]))
    record = {
        "clientId": "mm-of-before-1",
        "symbol": "GONEUSDC",
        "side": "BUY",
        "price": "1",
        "quantity": "1",
        "state": "NEW",
        "createdMs": 1,
        "updatedMs": 1,
    }
    redis_server.client.hset(Keys(IDENTITY).orders, record["clientId"], json.dumps(record))
    await trader.start()
    try:
        await trader.quoting()
        assert '"OrdersLeftBehind"' in trader.own_text()
        assert await trader.terminate() == 0, trader.own_text()[-3000:]
    finally:
        await trader.kill()
    assert redis_server.client.hgetall(Keys(IDENTITY).orders) == {}

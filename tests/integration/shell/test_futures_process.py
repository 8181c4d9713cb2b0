"""A trader process on a perpetual: quotes both sides without inventory, values position and funding like the venue, leaves nothing open."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from shellkit.processes import ACCOUNT, Trader, Venue, on_futures, trader_config, venue_positions
from shellkit.waiting import until

PATIENT = 60


def futures_config(directory: Path, venue: Venue) -> dict[str, Any]:
    return on_futures(trader_config(directory, venue.url, None, symbols=["ETHUSDC"]))


def expected(journal: list[dict[str, Any]], mid: Decimal) -> tuple[Decimal, Decimal]:
    """(position, net PnL at `mid`) by the venue's own record of fills and funding."""
    position, cash, _ = venue_positions(journal).get("ETHUSDC", (Decimal(0), Decimal(0), set()))
    cash += sum((Decimal(e["amount"]) for e in journal if e["kind"] == "funding"), Decimal(0))
    return position, cash + position * mid


async def test_a_futures_trader_quotes_fills_books_funding_and_ends_with_nothing_open(tmp_path: Path) -> None:
    venue = Venue(tmp_path, symbols="ETHUSDC", product="usdm", balances="USDC=50000")
    await venue.start()
    trader = Trader(tmp_path, futures_config(tmp_path, venue))
    try:
        await trader.start()
        status = await trader.quoting(PATIENT)
        sides = {order["side"] for order in await venue.open_orders()}
        assert sides == {"BUY", "SELL"}

        await venue.act("price", symbol="ETHUSDC", by_bp=40)

        async def short() -> bool:
            position, _ = expected(await venue.journal(), Decimal(0))
            return position < 0

        await until(short, "a fill makes the position short, without inventory", PATIENT)
        await venue.act("funding", symbol="ETHUSDC", rate=0.01)

        async def agreed() -> bool:
            nonlocal status
            found = await trader.status()
            if found is None:
                return False
            status = found
            kernel = found["kernel"]
            mid = kernel["mids"]["ETHUSDC"]
            if mid is None:
                return False
            position, net = expected(await venue.journal(), Decimal(mid))
            ours = Decimal(kernel["realised"]) + Decimal(kernel["unrealised"])
            return Decimal(kernel["positions"]["ETHUSDC"]) == position and abs(ours - net) < Decimal("1e-8")

        await until(agreed, "position and PnL, funding included, are the venue's", PATIENT)
        assert [e for e in await venue.journal() if e["kind"] == "funding"]
        assert await trader.terminate(30) == 0
    finally:
        await trader.kill()
        assert await venue.open_orders() == []
        await venue.kill()
    assert "Traceback" not in trader.own_text()
    assert "venue_switch" in trader.own_text()


async def test_a_futures_trader_that_is_killed_is_cancelled_by_the_venue(tmp_path: Path) -> None:
    venue = Venue(tmp_path, symbols="ETHUSDC", product="usdm", balances="USDC=50000")
    await venue.start()
    config = futures_config(tmp_path, venue)
    config["strategy"]["parameters"]["baseSpread"] = "0.01"  # so far away that nobody else takes the orders
    trader = Trader(tmp_path, config)
    try:
        await trader.start()
        await trader.quoting(PATIENT)
        await trader.kill()
        assert await venue.open_orders()

        async def cancelled() -> bool:
            return not await venue.open_orders()

        await until(cancelled, "the venue's countdown has run out", 45)
        assert any(e["kind"] == "countdown" and e["account"] == ACCOUNT for e in await venue.journal())
    finally:
        await trader.kill()
        await venue.kill()

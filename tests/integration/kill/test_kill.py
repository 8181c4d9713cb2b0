"""The trader's process killed with −9 at random instants, again and again, against a real Redis and a real socket.

`MM_KILL_ROUNDS=20` runs the whole figure of docs/benchmarks.md; the seed is `MM_KILL_SEED`.
"""

from __future__ import annotations

import os
import random
import time
from decimal import Decimal
from pathlib import Path

import pytest
from shellkit.processes import IDENTITY, Trader, Venue, assert_one_writer, trader_config, venue_positions
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.redis_contract import Evidence, FillRecord, Keys, LedgerRecord

ROUNDS = int(os.environ.get("MM_KILL_ROUNDS", "5"))
SEED = int(os.environ.get("MM_KILL_SEED", "20261123"))
BACK_WITHIN_S = 5.0 if ROUNDS >= 20 else None
"""The figure is judged by a run of its own, alone on its machine; a few rounds among other tests only show that it comes back."""


@pytest.mark.timeout(60 + 30 * ROUNDS)
async def test_a_trader_killed_at_random_instants_comes_back_with_the_venues_truth(
    tmp_path: Path, redis_server: RedisServer, venue: Venue
) -> None:
    rng = random.Random(SEED)
    trader = Trader(tmp_path, trader_config(tmp_path, venue.url, redis_server.url))
    await trader.start()
    await trader.quoting()
    times: list[float] = []
    try:
        for number in range(ROUNDS):
            target = await venue.sequence() + rng.randrange(1, 40)

            async def reached(wanted: int = target) -> bool:
                return await venue.sequence() >= wanted

            await until(reached, f"{target} order events at the venue", 30)
            await trader.kill()
            began = time.monotonic()
            await trader.start()
            status = await trader.quoting()
            times.append(time.monotonic() - began)
            assert status["kernel"]["reconciled"]
            await until(trader.nothing_unknown, "every order of the one before is accounted for", 30)
            print(f"round {number + 1}: quoting again after {times[-1]:.2f} s")
        assert await trader.terminate() == 0, trader.own_text()[-3000:]
    finally:
        await trader.kill()
    print(f"killed {ROUNDS} times: slowest {max(times):.2f} s, median {sorted(times)[len(times) // 2]:.2f} s")

    assert await venue.open_orders() == []
    journal = await venue.journal()
    assert_one_writer(journal)
    keys, client = Keys(IDENTITY), redis_server.client
    ledger = LedgerRecord.model_validate_json(client.get(keys.ledger))
    booked = [FillRecord.model_validate_json(fields["fill"]) for _, fields in client.xrange(keys.fills)]
    truth = venue_positions(journal)
    for symbol, (position, cash, ids) in truth.items():
        assert ledger.positions[symbol].position == position
        assert ledger.positions[symbol].cash == cash
        assert {fill.trade_id for fill in booked if fill.symbol == symbol} == ids
    assert sum((fill.quantity for fill in booked), Decimal(0)) > 0, (
        "nothing was traded: the test shows nothing"
    )
    evidence = Evidence.model_validate_json(client.get(keys.evidence("local")))
    assert evidence.unclean_stops == ROUNDS
    assert evidence.incarnations == ROUNDS + 1
    assert evidence.order_anomalies == 0
    assert client.hgetall(keys.orders) == {}
    assert BACK_WITHIN_S is None or max(times) <= BACK_WITHIN_S

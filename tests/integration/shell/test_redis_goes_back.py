"""A trader that lives on while its real Redis comes back older: nothing of what Redis had acknowledged stays lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from shellkit.desk import SYMBOL, Desk, Side, desk
from shellkit.redis_server import RedisServer
from shellkit.waiting import until

from mm_api.redis_contract import FillRecord, Keys, LedgerRecord
from mm_trader.core.ids import base36

KEYS = Keys("sim.acc1")
LEASE = {"managed": False, "ttl": "1s", "renewInterval": "200ms", "margin": "300ms"}


def stored_fills(server: RedisServer) -> Counter[int]:
    """How often each trade is in the stream."""
    entries = server.client.xrange(KEYS.fills)
    return Counter(FillRecord.model_validate_json(fields["fill"]).trade_id for _, fields in entries)


def whole(d: Desk, server: RedisServer) -> bool:
    """Redis has each fill of the journal once, the ledger that has booked them, and exactly the kernel's orders."""
    kernel, text = d.app.dispatcher.kernel, server.client.get(KEYS.ledger)
    journaled = {fill.trade_id for fill in d.app.journal.state.fills}
    if kernel is None or text is None or stored_fills(server) != Counter(journaled):
        return False
    booked = LedgerRecord.model_validate_json(text).positions[SYMBOL]
    orders = {record.client_id for record in kernel.open_orders()}
    return booked.cash == kernel.ledger().positions[SYMBOL].cash and orders == set(
        server.client.hkeys(KEYS.orders)
    )


async def filled(d: Desk) -> None:
    """One more fill, in Redis too."""
    before = len(d.app.journal.state.fills)
    bid = await d.quoted(Side.BUY)
    d.take(bid, bid.remaining)
    await until(lambda: len(d.app.journal.state.fills) > before, "the fill is booked")
    assert await d.app.writer.flush(5)


async def test_a_tail_that_redis_lost_is_written_again_under_the_same_lease(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        async with desk(tmp_path, redis={"url": server.url}) as d:
            await filled(d)
            counter, backup = d.app.progress.counter, server.backup()
            await filled(d)
            await filled(d)
            there = len(stored_fills(server))
            server.kill()
            server.put_back(backup)
            server.start()
            assert len(stored_fills(server)) < there, "Redis has lost some"
            await until(lambda: whole(d, server), "Redis has everything again")
            await d.quoted()
            assert d.app.progress.counter == counter, "the lease was never lost"
            alerts = [fields["alert"] for _, fields in server.client.xrange(KEYS.alerts)]
            assert any("RedisWentBack" in alert for alert in alerts)


async def test_a_restored_backup_without_the_lease_gets_back_what_it_lacks(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        async with desk(tmp_path, redis={"url": server.url}, lease=LEASE) as d:
            await filled(d)
            backup = server.backup()
            await filled(d)
            server.kill()
            server.put_back(backup)
            server.start()
            server.client.delete(KEYS.lease)  # it ran out between backup and restore
            assert len(stored_fills(server)) == 1
            await until(lambda: whole(d, server), "Redis has everything again")
            await d.quoted()
            assert d.app.progress.counter >= 2, "it was taken anew, as the backup counts"
            newest = base36(d.app.progress.ids[1])
            await until(
                lambda: {order.client_id.split("-")[2] for order in d.open_at_venue()} == {newest},
                "only the newest incarnation has orders",
            )

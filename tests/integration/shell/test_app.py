"""The whole trader in this process against the simulator: halts, the admin API, lost stores, lost journals, bad venues."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from shellkit.desk import SYMBOL, Desk, Side, desk
from shellkit.processes import ACCOUNT, post_json, read_json
from shellkit.waiting import until

from mm_api.redis_contract import AlertRecord, Command, CommandKind, FillRecord, Keys, Latch, ReportedState
from mm_trader.core.events import Tick
from mm_trader.shell.session import Session
from mm_trader.shell.settling import SETTLE_EXTRA
from mm_trader.shell.store.port import Token

KEYS = Keys("sim.acc1")


def latch(halt_id: str, source: str = "Alert", level: str = "Halted") -> Latch:
    return Latch.model_validate(
        {"id": halt_id, "level": level, "source": source, "reason": "Test", "atMs": 1}
    )


def admin(d: Desk, path: str) -> str:
    return f"http://127.0.0.1:{d.app.admin.port}{path}"


async def state_of(d: Desk) -> ReportedState | None:
    return (await d.store.load("local")).state


async def test_a_halt_from_outside_cancels_everything_and_its_lifting_brings_the_quotes_back(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        await d.store.set_latch(latch("alert-1-1"))
        await until(lambda: not d.open_at_venue(), "everything is cancelled")
        await until(lambda: d.app.state().phase.value == "Halted", "it says that it is halted")

        async def confirmed() -> bool:
            state = await state_of(d)
            return (
                state is not None
                and state.zero_orders_confirmed_ms is not None
                and state.halts == ["alert-1-1"]
            )

        await until(confirmed, "the reported state has the venue's confirmation")
        ready = await read_json(admin(d, "/status"))
        assert ready["ready"]  # halted is not unready: the pod stays 1/1 and says why it does not trade
        await d.store.lift("alert-1-1")
        await d.quoted()


async def test_a_reduce_only_halt_does_not_close_the_gate(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        await d.store.set_latch(latch("th-1", "TradingHalt", "ReduceOnly"))
        await until(lambda: d.app.state().risk_level == "ReduceOnly", "the level is reduce-only")
        assert not d.app.gate.closed


async def test_the_admin_api_stops_and_only_its_halt_id_starts_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        status, answer = await post_json(admin(d, "/admin/halt"), {"reason": "Drill"})
        assert status == 202
        (halt_id,) = answer["halts"]
        await until(lambda: not d.open_at_venue(), "everything is cancelled")
        await until(lambda: d.app.halts.pending == 0, "the halt is durable")
        assert (await post_json(admin(d, "/admin/risk/reset"), {}))[0] == 400
        assert (await post_json(admin(d, "/admin/risk/reset"), {"haltId": "another"}))[0] == 404
        risk = await read_json(admin(d, "/admin/risk/status"))
        assert risk["level"] == "Halted"
        assert [entry["id"] for entry in risk["halts"]] == [halt_id]
        assert (await post_json(admin(d, "/admin/risk/reset"), {"haltId": halt_id}))[0] == 200
        await d.quoted()
        alerts = [AlertRecord.model_validate_json(text) for text in d.store.stream(KEYS.alerts)]
        kinds = [alert.kind for alert in alerts]
        assert {"Halt", "Started"} <= set(kinds)
        assert kinds.count("HaltLifted") == 1, "people are told once"


async def test_orders_config_reconcile_and_metrics_are_served(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        orders = (await read_json(admin(d, "/admin/orders")))["orders"]
        assert {entry["symbol"] for entry in orders} == {SYMBOL}
        assert (await read_json(admin(d, "/admin/config")))["symbols"] == [SYMBOL]
        runs = d.app.dispatcher.events.get("ReconcileSnapshot", 0)
        assert (await post_json(admin(d, "/admin/reconcile"), {"symbol": SYMBOL}))[0] == 202
        assert (await post_json(admin(d, "/admin/reconcile"), {"symbol": "DOGEUSDC"}))[0] == 400
        await until(lambda: d.app.dispatcher.events.get("ReconcileSnapshot", 0) > runs, "it reconciled")


async def test_a_token_guards_the_admin_api_and_nothing_else(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-long-admin-token")
    async with desk(tmp_path, admin={"port": 0, "tokenFile": str(token)}) as d:
        assert (await post_json(admin(d, "/admin/reconcile"), {}))[0] == 401
        assert (await post_json(admin(d, "/admin/reconcile"), {}, {"Authorization": "Bearer wrong"}))[
            0
        ] == 401
        assert (await post_json(admin(d, "/admin/reconcile"), {}, {"Authorization": "Bearer wröng"}))[
            0
        ] == 401
        right = {"Authorization": "Bearer a-long-admin-token"}
        assert (await post_json(admin(d, "/admin/reconcile"), {}, right))[0] == 202
        assert (await read_json(admin(d, "/status")))["state"]["holder"] == "test"


async def test_a_store_that_is_away_until_the_lease_ends_stops_the_quotes_and_its_return_brings_them_back(
    tmp_path: Path,
) -> None:
    lease = {"managed": False, "ttl": "2s", "renewInterval": "300ms", "margin": "500ms"}
    async with desk(tmp_path, lease=lease) as d:
        before = (await d.quoted()).client_id
        d.store.available = False
        await until(lambda: not d.open_at_venue(), "it cancels before its lease can end", 10)
        assert d.app.gate.closed
        assert d.app.state().reason == "RedisUnreachable"
        d.store.available = True
        order = await d.quoted()
        counters = [int(each.split("-")[2], 36) for each in (before, order.client_id)]
        assert counters[0] < counters[1], "a new incarnation makes new ids"


async def test_a_store_that_lost_everything_gets_the_journals_halt_back(tmp_path: Path) -> None:
    lease = {"managed": False, "ttl": "2s", "renewInterval": "200ms", "margin": "500ms"}
    async with desk(tmp_path, lease=lease) as d:
        await d.quoted()
        await post_json(admin(d, "/admin/halt"), {"reason": "Drill"})
        await until(lambda: d.app.halts.pending == 0 and d.app.halts.current, "the halt is durable")
        d.store.forget()

        async def again() -> bool:
            return len((await d.store.latches()).latches) == 1

        await until(again, "the halt is set again")
        assert not d.open_at_venue()


async def test_an_exception_out_of_the_kernel_stops_trading_and_the_process_stays_to_show_it(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        kernel: Any = d.app.dispatcher.kernel

        def broken(event: object) -> list[Any]:
            raise ZeroDivisionError("a bug")

        kernel.on_event = broken
        d.app.dispatcher(Tick(ts=d.app.clock.monotonic_ns(), wall_ns=d.app.clock.wall_ns()))
        await until(lambda: not d.open_at_venue(), "everything is cancelled")
        await until(lambda: d.app.halts.pending == 0 and d.app.halts.current, "the halt is durable")
        (halt,) = d.app.halts.current
        assert halt.reason == "InternalError"
        assert "a bug" in halt.message
        assert d.app.alive()
        assert (await read_json(admin(d, "/status")))["state"]["phase"] == "Halted"
        assert (await post_json(admin(d, "/admin/risk/reset"), {"haltId": halt.id}))[0] == 200
        await d.quoted()  # a new kernel, from what journal and store remember


async def test_limits_tightened_while_running_survive_a_restart_of_the_process(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        command = Command(kind=CommandKind.TIGHTEN, at_ms=1, generation=2, limits={"dailyLossLimit": "5"})
        await d.store.command(command)
        await until(lambda: d.app.journal.state.tightened, "the journal has the limit")
    async with desk(tmp_path) as d:
        await d.quoted()
        assert d.app.dispatcher.events["LimitsTightened"] == 1


async def test_a_symbol_the_venue_does_not_list_is_reported_and_nothing_is_quoted(tmp_path: Path) -> None:
    async with desk(tmp_path, symbols=[SYMBOL, "DOGEUSDC"], listed=[SYMBOL]) as d:

        async def reported() -> bool:
            state = await state_of(d)
            return state is not None and state.unlisted_symbols == ["DOGEUSDC"]

        await until(reported, "the reported state names the symbol")
        state = await state_of(d)
        assert state is not None
        assert state.error_reason == "SymbolNotListed"
        assert "DOGEUSDC" in state.error
        assert d.journal() == []
        assert d.app.alive()
        assert not (await read_json(admin(d, "/status")))["ready"]


async def test_the_process_leaves_with_nothing_open_and_a_clean_journal(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.quoted()
        zero = await d.app.stop("test")
        assert zero
        assert not d.open_at_venue()
        assert not d.app.journal.state.running
        state = await state_of(d)
        assert state is not None
        assert state.phase.value == "Stopped"
        assert d.account.name == ACCOUNT


async def test_nothing_is_placed_before_an_order_of_the_one_before_can_no_longer_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`recvWindow` and a little, counted from the lease."""
    acquired: list[int] = []
    passed_on = Session.lease_acquired

    def noted(session: Session, token: Token) -> None:
        acquired.append(time.time_ns())
        passed_on(session, token)

    monkeypatch.setattr(Session, "lease_acquired", noted)
    async with desk(tmp_path) as d:
        await d.quoted()
        first = min(entry["timeNs"] for entry in d.journal("place"))
        settle = d.app.config.venue.recv_window + SETTLE_EXTRA
        assert first - acquired[0] >= settle.total_seconds() * 1e9


async def test_the_lease_is_given_back_only_when_nothing_is_open_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A successor may quote as soon as it has it."""
    open_then: list[int] = []
    async with desk(tmp_path) as d:
        await d.quoted()
        passed_on = d.store.release

        async def noted(token: Token) -> None:
            open_then.append(len(d.open_at_venue()))
            await passed_on(token)

        monkeypatch.setattr(d.store, "release", noted)
        await d.app.stop("test")
        assert open_then == [0]


async def test_a_loss_of_the_day_is_still_the_days_after_a_restart(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        bid = await d.quoted(Side.BUY)
        d.take(bid, bid.remaining)
        await until(lambda: d.position() > 0, "it has bought")
        d.sim.admin.do("price", symbol=SYMBOL, by_bp=-100)

        async def sold_lower() -> bool:
            for ask in d.open_at_venue(Side.SELL):
                d.take(ask, ask.remaining)
            return bool(d.app.dispatcher.kernel.status().realised < 0)

        await until(sold_lower, "it has realised a loss", 30)
        await d.app.stop("test")
        kept = d.app.journal.state.ledger
        assert kept is not None
        assert kept.positions[SYMBOL].realised < 0
    async with desk(tmp_path) as d:
        await until(lambda: d.app.dispatcher.kernel is not None, "there is a kernel")
        ledger = d.app.dispatcher.kernel.ledger()
        assert ledger.day_start_pnl == kept.day_start_pnl
        assert ledger.scope_start_pnl == kept.scope_start_pnl
        assert ledger.peak_pnl >= kept.peak_pnl
        assert ledger.positions[SYMBOL].realised == kept.positions[SYMBOL].realised


async def test_symbols_that_no_sum_can_be_made_of_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with desk(tmp_path, symbols=[SYMBOL, "BTCUSDT"]) as d:

        async def refused() -> bool:
            state = await state_of(d)
            return state is not None and state.error_reason == "ConfigRefused"

        await until(refused, "the reported state says so")
        state = await state_of(d)
        assert state is not None
        assert (state.phase.value, state.reason) == ("NotQuoting", "ConfigRefused")
        assert "USDC and USDT" in state.error
        assert d.journal() == []
        assert d.app.alive()


async def test_fills_and_positions_are_there_after_a_restart(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        bid = await d.quoted(Side.BUY)
        d.take(bid, bid.remaining)
        await until(lambda: d.position() != 0, "the fill is booked")
        await d.app.stop("test")
        ledger = d.app.journal.state.ledger
        assert ledger is not None
        kept = ledger.positions[SYMBOL].position
    assert kept != 0
    async with desk(tmp_path) as d:
        reopened = d.app.journal.state.ledger
        assert reopened is not None
        assert reopened.positions[SYMBOL].position == kept
        journaled = {fill.trade_id for fill in d.app.journal.state.fills}
        await d.quoted()
        # this store has never seen them, like a Redis that the process before was killed too early for
        assert await d.app.writer.flush(5)
        assert journaled <= {
            FillRecord.model_validate_json(text).trade_id for text in d.store.stream(KEYS.fills)
        }
        since = list(d.app.dispatcher.recent_fills)
        moved = sum((f.quantity if f.side == "BUY" else -f.quantity for f in since), Decimal(0))
        assert d.position() == kept + moved

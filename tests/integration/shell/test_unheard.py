"""A heartbeat that cannot be written, on a whole trader: the dead man is about to cancel everything, so nothing is quoted until it hears us again."""

from __future__ import annotations

import shutil
from pathlib import Path

from shellkit.desk import Desk, desk
from shellkit.waiting import until

from mm_api.redis_contract import AlertRecord, Keys
from mm_trader.shell.gate import Blocker


def told(d: Desk) -> list[str]:
    """Severities of the alerts about it."""
    found = [
        AlertRecord.model_validate_json(text) for text in d.store.stream(Keys(d.app.config.identity).alerts)
    ]
    return [alert.severity for alert in found if alert.reason == "HeartbeatNotWritten"]


def watched(directory: Path) -> dict[str, str]:
    directory.mkdir()
    return {"heartbeatFile": str(directory / "heartbeat"), "timeout": "5s"}


async def test_quotes_are_pulled_while_the_heartbeat_cannot_be_written_and_return_with_it(
    tmp_path: Path,
) -> None:
    shared = tmp_path / "shared"
    async with desk(tmp_path, deadMan=watched(shared)) as d:
        await d.quoted()
        shutil.rmtree(shared)
        await until(lambda: not d.open_at_venue(), "the quotes are gone, long before the dead man's time-out")
        assert d.app.gate.blockers == (Blocker.UNHEARD,)
        state = d.app.state()
        assert (state.phase.value, state.reason) == ("NotQuoting", "HeartbeatNotWritten")
        assert d.app.session_part.health().healthy, "the process is well; a restart would not mend the file"
        await until(lambda: told(d) == ["critical"], "people are told, once")
        shared.mkdir()
        await d.quoted()
        assert d.app.gate.blockers == ()
        assert told(d) == ["critical"]


async def test_a_lease_that_comes_meanwhile_does_not_let_it_quote(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    async with desk(tmp_path, deadMan=watched(shared)) as d:
        await d.quoted()
        shutil.rmtree(shared)
        await until(lambda: not d.open_at_venue(), "the quotes are gone")
        token = d.app.keeper.lease.token
        assert token is not None
        d.app.session.lease_lost("test")
        d.app.session.lease_acquired(token)
        await until(lambda: d.app.gate.blockers == (Blocker.UNHEARD,), "everything else is settled")
        await until(
            lambda: d.app.state().reason == "HeartbeatNotWritten", "and this is why it does not quote"
        )
        assert d.open_at_venue() == []
        shared.mkdir()
        await d.quoted()

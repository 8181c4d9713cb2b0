"""A new holder of the lease: first the venue must be past taking anything of the one before, then nothing may be open, and only then is anything placed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from mm_api.kinds.common import Environment
from mm_api.trader_config import RiskConfig, TraderConfig, VenueConfig
from mm_trader.core.clock import ManualClock
from mm_trader.core.units import NS_PER_S
from mm_trader.shell.app import App
from mm_trader.shell.session import SETTLE_EXTRA
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import Token


@pytest.mark.parametrize("gone_s", [0.0, 0.4, 5.0])
async def test_what_is_left_of_recv_window_is_waited_for_and_the_sweep_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone_s: float
) -> None:
    clock, done = ManualClock(), []
    config = TraderConfig(
        identity="sim.acc1",
        symbols=["ETHUSDC"],
        journal_dir=str(tmp_path),
        venue=VenueConfig(
            environment=Environment.SIMULATOR, rest_url="http://x", ws_api_url="ws://x", stream_url="ws://x"
        ),
        risk=RiskConfig(capital=Decimal(1000)),
    )

    async def sleep(seconds: float) -> None:
        done.append(("waited", round(seconds, 6)))

    async def until_zero(cause: str) -> None:
        done.append(("swept", cause))

    app = App(config, "me", clock=clock, store=MemoryStore("sim.acc1", clock), sleep=sleep)
    monkeypatch.setattr(app.flattener, "until_zero", until_zero)
    granted = clock.monotonic_ns()
    clock.advance(round(gone_s * NS_PER_S))
    await app.session._sweep_before(Token(holder="me", epoch=0, counter=1), granted)
    left = round((config.venue.recv_window + SETTLE_EXTRA).total_seconds() - gone_s, 6)
    assert done == [*([("waited", left)] if left > 0 else []), ("swept", "before quoting")]

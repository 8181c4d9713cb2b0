"""`mm-trader check`: a trader that does not come to quote says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mm_trader.shell.check.bench import Bench, NotYetError, embedded_config


def status(**kernel: Any) -> dict[str, Any]:
    quotes = {"ETHUSDC": ["2598.85", None], "BTCUSDC": ["61979.09", "62034.90"]}
    positions = {"ETHUSDC": "-0.1", "BTCUSDC": "0"}
    usual = {"quotes": quotes, "positions": positions, "risk_reasons": [], "guards": {"ETHUSDC": []}}
    return {
        "state": {"phase": "Quoting", "reason": ""},
        "missing": [],
        "gate": [],
        "halts": [],
        "kernel": {**usual, "unknown_orders": 0, "reconciled": True, **kernel},
    }


async def reason(directory: Path, seen: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch) -> str:
    async def answer(_self: Bench) -> dict[str, Any] | None:
        return seen

    monkeypatch.setattr(Bench, "status", answer)
    with pytest.raises(NotYetError) as refused:
        await Bench(embedded_config("http://127.0.0.1:1"), directory, {}).quoting(0)
    return str(refused.value)


async def test_the_side_that_lacks_and_the_position_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = await reason(tmp_path, status(), monkeypatch)
    assert said == (
        "not within 0 s: both sides of every symbol are quoted; "
        "Quoting: quotes {'ETHUSDC': ['2598.85', None]}, positions {'ETHUSDC': '-0.1'}"
    )


async def test_what_holds_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = status(risk_reasons=["drawdown"], unknown_orders=1, reconciled=False)
    found |= {
        "state": {"phase": "Halted", "reason": "risk-1"},
        "halts": [{"id": "risk-1"}],
        "gate": ["halt"],
    }
    said = await reason(tmp_path, found, monkeypatch)
    assert "Halted risk-1: gate ['halt'], halts ['risk-1'], risk ['drawdown']" in said
    assert "unknown orders 1" in said
    assert "reconciled False" in said


async def test_one_that_does_not_answer_is_said_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await reason(tmp_path, None, monkeypatch)).endswith("it does not answer")

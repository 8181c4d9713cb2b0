"""Every trader config that a user may copy is one that a trader starts with."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_trader.shell.config import load_config

FILES = sorted((Path(__file__).resolve().parents[3] / "configs/traders").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_trader_config_is_valid(file: Path) -> None:
    assert load_config(file).symbols

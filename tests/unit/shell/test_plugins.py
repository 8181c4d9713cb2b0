"""Strategies of other packages, found by a real entry point of a package that is installed in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
from decimal import Decimal
from mm_trader.strategy.base import DesiredQuotes, Quote
from mm_trader.strategy.parameters import parameter


class FarAway:
    summary = "one bid, far away"
    parameters = (parameter("distance", "100", "1", "1000", "ticks", "How far."),)
    needs = frozenset()

    def __init__(self, values, rules):
        self.max_inventory = Decimal(1)
        self.distance = int(values["distance"])

    @classmethod
    def check(cls, values):
        return ["strategy.parameters.distance: 13 brings bad luck"] if values["distance"] == 13 else []

    def quote(self, view):
        return DesiredQuotes(bids=(Quote(view.bid - self.distance, 100),), half_spread=float(self.distance))
"""
CONFIG = """
symbols: [ETHUSDC]
venue: {environment: simulator, restUrl: http://127.0.0.1:1, wsApiUrl: ws://127.0.0.1:1, streamUrl: ws://127.0.0.1:1}
risk: {capital: "1000"}
strategy: {name: NAME, parameters: PARAMETERS}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What installing a wheel leaves behind: the module, and its metadata with the entry points."""
    packages = tmp_path / "site"
    info = packages / "far_away-1.0.dist-info"
    info.mkdir(parents=True)
    (packages / "far_away.py").write_text(MODULE)
    (packages / "far_broken.py").write_text("import nothing_of_that_name\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: far-away\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mm_trader.strategies]\nFarAway = far_away:FarAway\nBroken = far_broken:Broken\n"
        "NoStrategy = far_away:Quote\nGLFT = far_away:FarAway\n"
    )
    return packages


def trader(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mm_trader.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def config(tmp_path: Path, name: str, parameters: str = "{}") -> str:
    file = tmp_path / f"{name}.yaml"
    file.write_text(CONFIG.replace("NAME", name).replace("PARAMETERS", parameters))
    return str(file)


def test_an_installed_plug_in_is_listed_with_its_parameters_and_broken_ones_are_named(site):
    listing = trader(site, "strategies")
    assert listing.returncode == 0
    assert "FarAway: one bid, far away" in listing.stdout and "1 … 1000" in listing.stdout
    assert "BasicMarketMaking" in listing.stdout
    assert "Broken (far_broken:Broken) cannot be imported" in listing.stderr
    assert "NoStrategy (far_away:Quote) is no strategy" in listing.stderr
    glft = trader(site, "strategies", "GLFT")
    assert "arrivalDecay" in glft.stdout, "a plug-in does not take the name of a built-in strategy"
    assert trader(site, "strategies", "Magic").returncode == 2


def test_a_config_may_name_an_installed_plug_in_and_is_checked_against_its_ranges(site, tmp_path):
    good = trader(site, "config-check", config(tmp_path, "FarAway", '{distance: "50"}'))
    assert good.returncode == 0 and "FarAway on ETHUSDC" in good.stdout
    far = trader(site, "config-check", config(tmp_path, "FarAway", '{distance: "5000"}'))
    assert (
        far.returncode == 2 and "strategy.parameters.distance: 5000 is outside 1 … 1000 ticks" in far.stderr
    )
    unlucky = trader(site, "config-check", config(tmp_path, "FarAway", '{distance: "13"}'))
    assert unlucky.returncode == 2 and "bad luck" in unlucky.stderr
    broken = trader(site, "config-check", config(tmp_path, "Broken"))
    assert broken.returncode == 2 and "nothing_of_that_name" in broken.stderr
    assert len(broken.stderr.splitlines()) == 1


def test_a_kernel_quotes_with_a_plug_in(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "trader"))
    from kernel_driver import Driver, of, trader_config

    from mm_trader.core.commands import Place
    from mm_trader.shell.plugins import strategies_for

    config = trader_config()
    config = config.model_copy(update={"strategy": config.strategy.model_copy(update={"name": "FarAway"})})
    (bid,) = of(Place, Driver(config, strategies=strategies_for("FarAway")).start())
    assert bid.price == 249_900

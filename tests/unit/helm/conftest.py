"""helm comes from the cluster tools, so these tests run on every machine."""

from __future__ import annotations

import sys

import pytest

from .rendering import ROOT, Chart


@pytest.fixture(scope="session")
def chart() -> Chart:
    """The chart, with a helm that is on PATH or is built into the tools' cache."""
    sys.path.insert(0, str(ROOT / "tests/cluster"))
    from clusterkit import cache, tools

    with cache.locked("helm"):
        tools.provide("helm")
    return Chart(cache.BIN / "helm")

"""A trader on perpetuals through every fault and action of the futures venue: each ends reconciled, no order unknown, the venue's countdown unspent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shellkit.desk import Product
from shellkit.faulty import FIELDS, left_out, strike, strikes

OVERLOADS = (
    ("unknown-error", 503, -1000, "Unknown error, please check your request or try again later."),
    ("unavailable", 503, -1000, "Service Unavailable."),
    ("internal", 503, -1001, "Internal error; unable to process your request. Please try again."),
    ("overloaded", 503, -1008, "Request throttled by system-level protection."),
    ("timeout", 408, -1007, "Timeout waiting for response from backend server."),
)
"""The ways in which the futures API is documented to be busy; only some of them say that nothing was executed."""


def _overloads() -> Iterator[Any]:
    for name, status, code, msg in OVERLOADS:
        for call in ("place", "cancel"):
            fields = {"fault": "status_before", "call": call, "status": status, "code": code, "msg": msg}
            yield pytest.param("fault", {**fields, **FIELDS}, id=f"status_before-{name}-{call}")
    for call in ("place", "cancel"):
        fields = {"fault": "status_after", "call": call, "status": 408, **FIELDS}
        yield pytest.param("fault", fields, id=f"status_after-408-{call}")


STRIKES = [*strikes(Product.USDM), *_overloads()]


def test_nothing_in_the_catalogue_is_left_out() -> None:
    assert left_out(Product.USDM, STRIKES) == set()


@pytest.mark.parametrize(("action", "fields"), STRIKES)
async def test_the_trader_ends_reconciled(tmp_path: Path, action: str, fields: dict[str, Any]) -> None:
    await strike(tmp_path, Product.USDM, action, fields)

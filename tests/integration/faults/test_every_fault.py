"""A trader on spot through every fault and action the simulator has, one after the other; each ends reconciled, with no order unknown.

What there is comes from the simulator's own catalogue: a new fault is covered as soon as it is declared. The trader quotes, the fault strikes while
orders are placed, filled and cancelled, everything is disarmed, and then venue, kernel and journal must have the same orders and the same position.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shellkit.desk import Product
from shellkit.faulty import left_out, strike, strikes

STRIKES = list(strikes(Product.SPOT))


def test_nothing_in_the_catalogue_is_left_out() -> None:
    assert left_out(Product.SPOT, STRIKES) == set()


@pytest.mark.parametrize(("action", "fields"), STRIKES)
async def test_the_trader_ends_reconciled(tmp_path: Path, action: str, fields: dict[str, Any]) -> None:
    await strike(tmp_path, Product.SPOT, action, fields)

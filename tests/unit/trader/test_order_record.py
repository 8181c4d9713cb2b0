"""Records of orders are made without pydantic's checks, since the kernel makes one at every change: they must be what the checked ones are."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mm_api.redis_contract import OrderRecord
from mm_trader.core.events import Side
from mm_trader.core.units import SymbolRules
from mm_trader.orders.order import Order
from mm_trader.orders.states import OrderState

RULES = SymbolRules(
    symbol="ETHUSDC", base_asset="ETH", quote_asset="USDC", tick=Decimal("0.01"), lot=Decimal("0.0001")
)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("venue_id", [None, 17])
def test_a_record_is_the_one_that_its_own_wire_form_gives_back(side: Side, venue_id: int | None) -> None:
    order = Order(
        client_id="mm-1",
        symbol="ETHUSDC",
        side=side,
        price=268_380,
        size=100,
        state=OrderState.PARTIALLY_FILLED,
        created_ts=1,
        created_ms=2,
    )
    order.filled, order.venue_id = 40, venue_id
    record = order.record(RULES)
    line = record.to_json_line()
    assert OrderRecord.model_validate_json(line) == record
    assert OrderRecord.model_validate(record.model_dump()).to_json_line() == line
    assert set(record.model_dump()) == set(OrderRecord.model_fields)

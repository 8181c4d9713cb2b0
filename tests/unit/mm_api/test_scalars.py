"""Scalars of the API: exact, with their unit, and refusing what would lose something."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mm_api.kinds import MarketMakerSpec
from mm_api.kinds.market_maker import RiskSpec
from mm_api.scalars import format_decimal, format_duration, parse_decimal, parse_duration


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**9), max_value=10**9))
def test_a_decimal_survives_its_text(value: Decimal) -> None:
    assert parse_decimal(format_decimal(value)) == value


@given(st.integers(1, 10**11))
def test_a_duration_survives_its_text(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("value", [0.1, True, None, "1e5", "1,5", " 1", "NaN", ""])
def test_what_is_no_plain_decimal_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"decimal|string"):
        parse_decimal(value)


@pytest.mark.parametrize("value", ["3 days", "5", "1h 30m", "-5s", 5, ""])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@pytest.mark.parametrize(
    "field",
    [{"dailyLossLimit": "-5"}, {"dailyLossLimit": "0"}, {"maxDrawdown": "1.5"}, {"maxCancelRatio": "0"}],
)
def test_the_models_refuse_what_the_api_server_refuses(field: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        RiskSpec.model_validate(field)


def test_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="capitol"):
        MarketMakerSpec.model_validate(
            {"rollout": {"stages": [{"name": "a", "accountRef": {"name": "b"}, "capitol": "5"}]}}
        )

"""Decimal text ↔ ticks and lots: exact both ways, and nothing between two steps."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_trader.core.units import SymbolRules, UnitError
from mm_trader.venue.binance.wire.numbers import PublicSizeParser, StepParser, SymbolNumbers

STEPS = [Decimal(text) for text in ("0.01", "0.00000001", "1", "10", "0.5", "0.025", "1E-5")]


def rules(tick: Decimal = Decimal("0.01"), lot: Decimal = Decimal("0.0001")) -> SymbolRules:
    return SymbolRules(symbol="ETHUSDC", base_asset="ETH", quote_asset="USDC", tick=tick, lot=lot)


@given(st.sampled_from(STEPS), st.integers(0, 10**9), st.integers(0, 8))
def test_every_whole_number_of_steps_is_read_back_exactly(step: Decimal, count: int, zeros: int) -> None:
    text = format(step * count, "f")
    if zeros:
        text += ("" if "." in text else ".") + "0" * (
            zeros if len(text.partition(".")[2]) + zeros <= 18 else 0
        )
    assert StepParser(step, "price")[text] == count


@given(st.sampled_from(STEPS), st.integers(0, 10**9))
def test_what_is_written_is_plain_notation_and_reads_back(step: Decimal, count: int) -> None:
    numbers = SymbolNumbers(rules(tick=step))
    text = numbers.price_text(count)
    assert "E" not in text.upper()
    assert not text.endswith(".")
    assert numbers.ticks[text] == count


@pytest.mark.parametrize(
    "text",
    [
        "0.005",
        "1.001",
        "0.00500000",
        ".00000000",
        "-1.00000000",
        "٣.00000000",
        "-1",
        "1e3",
        "1E-5",
        "",
        ".",
        "1_0",
        " 1",
        "NaN",
        "1,5",
        "٣",
    ],
)
def test_what_is_no_whole_number_of_steps_is_refused(text: str) -> None:
    with pytest.raises(UnitError):
        StepParser(Decimal("0.01"), "price")[text]


def test_small_lots_are_written_without_an_exponent() -> None:
    assert SymbolNumbers(rules(lot=Decimal("0.00000100"))).quantity_text(1) == "0.000001"


def test_public_sizes_finer_than_the_step_round_down_but_never_to_nothing() -> None:
    sizes = PublicSizeParser(Decimal("0.0001"), "size")
    assert sizes["2292.22972000"] == 22_922_297
    assert sizes["0.00001000"] == 1
    assert sizes["0.00000000"] == 0


def test_the_cache_is_bounded() -> None:
    parser = StepParser(Decimal("1"), "price")
    for number in range(20_000):
        assert parser[f"{number}.00000000"] == number
    assert 0 < len(parser) <= 1 << 13


@pytest.mark.parametrize("step", ["0", "-1", "1E-30"])
def test_a_step_that_cannot_be_counted_is_refused(step: str) -> None:
    with pytest.raises(UnitError):
        StepParser(Decimal(step), "price")


texts = st.one_of(
    st.builds(lambda whole, rest: f"{whole}.{rest:08d}", st.integers(0, 10**7), st.integers(0, 10**8 - 1)),
    st.builds(lambda whole, lots: f"{whole}.{lots:04d}0000", st.integers(0, 10**7), st.integers(0, 9999)),
    st.sampled_from(["1", "0.1", "1.5000", "", "-1.00000000", "1 1.00000000", "1..00000000", ".00000000", "٣.00000000"]),
    st.text(alphabet="0123456789. -e_", max_size=14),
)  # fmt: skip


def one_by_one(parser: StepParser, many: list[str]) -> list[int] | None:
    """By the slow, plain way."""
    try:
        return [parser._read_any(text) for text in many]
    except UnitError:
        return None


@given(
    st.lists(texts, max_size=6), st.sampled_from([StepParser, PublicSizeParser]), st.sampled_from(["0.0001", "0.5", "1E-9"])
)  # fmt: skip
def test_the_quick_way_agrees_with_the_plain_one(many: list[str], kind: type[StepParser], step: str) -> None:
    parser = kind(Decimal(step), "size")
    wanted = one_by_one(parser, many)
    try:
        assert [parser.read(text) for text in many] == wanted
    except UnitError:
        assert wanted is None

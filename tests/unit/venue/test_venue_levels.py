"""Levels of the book: the quick way reads what the plain way reads, or leaves it to it."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mm_trader.core.events import Level
from mm_trader.core.units import SymbolRules, UnitError
from mm_trader.venue.binance.wire.levels import LevelReader
from mm_trader.venue.binance.wire.numbers import SymbolNumbers


def reader(tick: str = "0.01", lot: str = "0.0001") -> LevelReader:
    return LevelReader(
        SymbolNumbers(
            SymbolRules(
                symbol="ETHUSDC", base_asset="ETH", quote_asset="USDC", tick=Decimal(tick), lot=Decimal(lot)
            )
        )
    )


texts = st.one_of(
    st.builds(lambda whole, rest: f"{whole}.{rest:08d}", st.integers(0, 10**9), st.integers(0, 10**8 - 1)),
    st.builds(lambda whole, ticks: f"{whole}.{ticks:02d}000000", st.integers(0, 10**7), st.integers(0, 99)),
    st.builds(lambda whole, lots: f"{whole}.{lots:04d}", st.integers(0, 10**8), st.integers(0, 9999)),
    st.sampled_from(["1", "1.5000", "", "-1.00000000", "-0", "1e3", " 1", "1.", ".5", "٣.00", "1.0\\", '1","2', 'x"]']),
    st.text(alphabet="0123456789. -e_", max_size=20),
)  # fmt: skip
sides = st.lists(st.lists(texts, min_size=2, max_size=2), max_size=5)


def outcome(read: object, raw: bytes) -> list[Level] | None:
    """None: refused."""
    assert callable(read)
    try:
        levels: list[Level] = read(raw)
    except (UnitError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return levels


@given(
    sides,
    st.sampled_from([(",", ":"), (", ", ": ")]),
    st.booleans(),
    st.sampled_from([("0.01", "0.0001"), ("1", "0.00000001"), ("0.5", "0.001"), ("10", "1"), ("1E-9", "1")]),
)
@example([["99999999.00000001", "1.00000000"]], (",", ":"), True, ("1", "1"))
@example([["9999999.00000001", "1.00000000"]], (",", ":"), True, ("1", "1"))
@example([["1.000000000000000000000001", "1.00000000"]], (",", ":"), True, ("1", "1"))
@example([["9007199254740993", "1"]], (",", ":"), True, ("1", "1"))
def test_the_quick_way_agrees_with_the_plain_one(
    levels: list[list[str]], separators: tuple[str, str], plain: bool, steps: tuple[str, str]
) -> None:
    raw = json.dumps(levels, separators=separators, ensure_ascii=plain).encode()
    reading = reader(*steps)
    assert outcome(reading.read, raw) == outcome(reading._one_by_one, raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'[["2683.80000000"]]',
        b"[[2683, 1]]",
        b"[[2683,1]]",
        b'[["1.00000000","1.00000000","1.00000000"]]',
        b"null",
        b'[["1.005","1.00000000"]]',
    ],
)
def test_what_is_no_level_is_refused(raw: bytes) -> None:
    assert outcome(reader().read, raw) is None


@pytest.mark.parametrize("price", ["2683.80000000", "2683.80", "2683.8"])
def test_a_level_is_ticks_and_lots(price: str) -> None:
    raw = f'[["{price}","3.02920000"],["0.01","0.00000000"],["7","0.00001000"]]'.encode()
    assert reader().read(raw) == [(268380, 30292), (1, 0), (700, 1)]

"""Candles agree with the prints they are made of, whatever the interval."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mm_trader.venue.simulator.engine.events import TradeEvent
from mm_trader.venue.simulator.server.candles import INTERVALS_MS, Candles

PRINTS = st.lists(
    st.tuples(st.integers(1, 200_000), st.integers(1, 10**6), st.integers(1, 500), st.booleans()),
    min_size=1,
    max_size=60,
)
START_MS = 1_735_689_600_000


def filled(prints: list[tuple[int, int, int, bool]]) -> tuple[Candles, list[TradeEvent]]:
    candles, trades, now = Candles(), [], START_MS
    for number, (wait, price, qty, buyer_is_maker) in enumerate(prints):
        now += wait
        trade = TradeEvent("ETHUSDC", number, price, qty, now * 1_000_000, buyer_is_maker, 1)
        candles.add(trade)
        trades.append(trade)
    return candles, trades


@settings(deadline=None)
@given(PRINTS, st.sampled_from([name for name in INTERVALS_MS if name != "1s"]))
def test_candles_have_no_gap_and_lose_no_print(
    prints: list[tuple[int, int, int, bool]], interval: str
) -> None:
    candles, trades = filled(prints)
    width, now = INTERVALS_MS[interval], trades[-1].time_ns // 1_000_000
    found = list(candles.of(width, now))
    assert [c.open_ms for c in found] == list(range(found[0].open_ms, found[-1].open_ms + 1, width))
    assert found[-1].open_ms <= now < found[-1].open_ms + width
    assert sum(c.volume for c in found) == sum(t.qty for t in trades)
    assert sum(c.quote for c in found) == sum(t.price * t.qty for t in trades)
    assert sum(c.buy_volume for c in found) == sum(t.qty for t in trades if not t.buyer_is_maker)
    assert sum(c.count for c in found) == len(trades)
    assert (found[0].open, found[-1].close) == (trades[0].price, trades[-1].price)
    assert max(c.high for c in found) == max(t.price for t in trades)
    assert min(c.low for c in found) == min(t.price for t in trades)
    for candle in found:
        assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high


@given(PRINTS)
def test_a_second_candle_has_the_prints_of_its_second(prints: list[tuple[int, int, int, bool]]) -> None:
    candles, trades = filled(prints)
    last = trades[-1].time_ns // 1_000_000
    current = candles.current(1000, last)
    assert current is not None
    inside = [t for t in trades if t.time_ns // 10**9 == last // 1000]
    assert (current.count, current.first_id) == (len(inside), inside[0].id)


def test_weeks_begin_on_mondays() -> None:
    candles, _ = filled([(1, 5, 5, True)])  # 2025-01-01 was a Wednesday
    assert [c.open_ms for c in candles.of(INTERVALS_MS["1w"], START_MS)] == [START_MS - 2 * 86_400_000]

"""bookTickers read in place: the same as the JSON decoder makes of them, or left to it."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from mm_trader.core.events import BookTicker, Event
from mm_trader.core.units import SymbolRules
from mm_trader.venue.binance.wire.market import FrameError, MarketDecoder, Notice
from mm_trader.venue.binance.wire.numbers import SymbolNumbers, numbers_by_symbol

FORM = '{{"stream":"{0}@bookTicker","data":{{"u":{1},"s":"{2}","b":"{3}","B":"{4}","a":"{5}","A":"{6}"}}}}'
SYMBOLS = ("ETHUSDT", "BTCUSDT")


def numbers() -> dict[str, SymbolNumbers]:
    return numbers_by_symbol(
        {
            symbol: SymbolRules(
                symbol=symbol,
                base_asset=symbol[:3],
                quote_asset="USDT",
                tick=Decimal("0.01"),
                lot=Decimal("0.0001"),
            )
            for symbol in SYMBOLS
        }
    )


def plain_decoder() -> MarketDecoder:
    """Reads everything as JSON."""
    decoder = MarketDecoder(numbers())
    decoder._tickers.clear()
    return decoder


def outcome(decoder: MarketDecoder, frame: bytes) -> Event | Notice | None:
    """None: refused."""
    try:
        return decoder.decode(frame, 5)
    except FrameError:
        return None


def frame_of(symbol: str = "ETHUSDT", update_id: object = 7, *texts: str) -> bytes:
    return FORM.format(symbol.lower(), update_id, symbol, *texts).encode()


prices = st.integers(0, 9).map(lambda n: f"2683.{n}0000000")
sizes = st.integers(0, 9999).map(lambda n: f"3.{n:04d}0000")
odd = st.sampled_from(
    [
        "",
        "-1",
        "1e3",
        ".5",
        "1.",
        "2683.800000001",
        "0.001",
        '1","B":"2',
        "\\u0031",
        "٣.00000000",
        "1 ",
        "1_0",
        '"}}',
        "é",
        "9" * 40,
    ]
)
ids = st.one_of(
    st.integers(0, 2**63), st.sampled_from(["01", "1.0", "-1", "", "1 ", "9" * 25, '"1"', "null"])
)
frames = st.builds(
    frame_of,
    st.sampled_from(SYMBOLS),
    ids,
    *[st.one_of(texts, texts, odd) for texts in (prices, sizes, prices, sizes)],
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A frame with a byte more, less or another, now and then."""
    frame = draw(frames)
    at, kind = draw(st.integers(0, len(frame) - 1)), draw(st.integers(0, 5))
    byte = bytes([draw(st.integers(0, 255))])
    if kind == 0:
        return frame[:at] + byte + frame[at:]
    if kind == 1:
        return frame[:at] + frame[at + 1 :]
    return frame[:at] + byte + frame[at + 1 :] if kind == 2 else frame


@settings(deadline=None)
@given(st.lists(spoilt(), max_size=8))
def test_a_stream_of_frames_means_the_same_read_in_place_and_as_json(stream: list[bytes]) -> None:
    quick, plain = MarketDecoder(numbers()), plain_decoder()
    assert [outcome(quick, frame) for frame in stream] == [outcome(plain, frame) for frame in stream]


def test_a_number_that_stays_and_one_that_changes_are_both_read() -> None:
    decoder = MarketDecoder(numbers())
    first = frame_of("ETHUSDT", 7, "2683.80000000", "3.02920000", "2683.81000000", "31.43950000")
    second = frame_of("ETHUSDT", 8, "2683.80000000", "2.25820000", "2683.81000000", "31.43950000")
    assert [decoder.decode(frame, 5) for frame in (first, second)] == [
        BookTicker(
            ts=5, symbol="ETHUSDT", update_id=7, bid=268380, bid_size=30292, ask=268381, ask_size=314395
        ),
        BookTicker(
            ts=5, symbol="ETHUSDT", update_id=8, bid=268380, bid_size=22582, ask=268381, ask_size=314395
        ),
    ]


def test_the_usual_form_needs_no_json_decoder() -> None:
    decoder = MarketDecoder(numbers())
    decoder.parse = lambda _: 1 / 0  # type: ignore[assignment, return-value]
    frame = frame_of("BTCUSDT", 7, "61000.10000000", "3.02920000", "61000.11000000", "31.43950000")
    assert isinstance(decoder.decode(frame, 5), BookTicker)


def test_an_empty_first_number_is_refused() -> None:
    frame = frame_of("ETHUSDT", 7, "", "", "", "")
    assert outcome(MarketDecoder(numbers()), frame) is None

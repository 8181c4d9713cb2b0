"""bookTicker frames of spot, read in place: by far the most frequent frame, and one whose form never changes.

The venue writes `{"stream":"ethusdt@bookTicker","data":{"u":1,"s":"ETHUSDT","b":"2683.80000000","B":"3.02920000","a":"2683.81000000","A":"31.43950000"}}`.
Most often one of the four numbers differs from the frame before, so each is compared with what stood there last, and read only where it is another: no
object is made for what stays. A frame that differs in any other way, a blank or the order of its fields, is not read here but by the JSON decoder.
"""

from __future__ import annotations

from collections.abc import Callable

from mm_trader.core.events import BookTicker
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers

TickerReader = Callable[[bytes, int], BookTicker | None]
"""(frame that begins as one of this symbol's, ts) → its event. None: the frame is not in this form, or holds no sound numbers."""

_AFTER_BID, _AFTER_BID_SIZE, _AFTER_ASK, _END = b'","B":"', b'","a":"', b'","A":"', b'"}}'
_MARK = 7
"""Length of what stands between two numbers."""
_LONGEST_ID = 18
"""Digits of an update id: fits into 64 bits."""


def ticker_reader(symbol: str, stream: str, numbers: SymbolNumbers) -> tuple[bytes, TickerReader]:
    """(with what the frames of a symbol begin, their reader). One function with its state around it and the four numbers one after the other, as calls and
    attributes would cost more than what they do."""
    head = f'{{"stream":"{stream}","data":{{"u":'.encode()
    middle = f',"s":"{symbol}","b":"'.encode()
    start, skip = len(head), len(middle)
    ticks, lots = numbers.ticks, numbers.public_lots.read
    # each number as it stood in the last frame, with what is behind it; no frame begins with one of none
    bid_text: bytes | tuple[bytes, ...] = ()
    bid_size_text: bytes | tuple[bytes, ...] = ()
    ask_text: bytes | tuple[bytes, ...] = ()
    ask_size_text: bytes | tuple[bytes, ...] = ()
    bid = bid_size = ask = ask_size = 0
    bid_end = bid_size_end = ask_end = ask_size_end = 0
    """Lengths of these texts."""

    def read(frame: bytes, ts: int) -> BookTicker | None:
        nonlocal bid_text, bid_size_text, ask_text, ask_size_text, bid, bid_size, ask, ask_size
        nonlocal bid_end, bid_size_end, ask_end, ask_size_end
        at = frame.find(middle, start)
        update_id = frame[start:at]
        if not update_id.isdigit() or update_id[0] == 48 or at - start > _LONGEST_ID:
            return None
        at += skip
        try:
            if frame.startswith(bid_text, at):
                at += bid_end
            else:
                end = frame.find(_AFTER_BID, at)
                if end < 0:
                    return None
                bid = ticks[frame[at:end].decode()]
                end += _MARK
                bid_text, bid_end, at = frame[at:end], end - at, end
            if frame.startswith(bid_size_text, at):
                at += bid_size_end
            else:
                end = frame.find(_AFTER_BID_SIZE, at)
                if end < 0:
                    return None
                bid_size = lots(frame[at:end].decode())
                end += _MARK
                bid_size_text, bid_size_end, at = frame[at:end], end - at, end
            if frame.startswith(ask_text, at):
                at += ask_end
            else:
                end = frame.find(_AFTER_ASK, at)
                if end < 0:
                    return None
                ask = ticks[frame[at:end].decode()]
                end += _MARK
                ask_text, ask_end, at = frame[at:end], end - at, end
            if frame.startswith(ask_size_text, at):
                at += ask_size_end
            else:
                end = len(frame) - len(_END)
                if not frame.endswith(_END):
                    return None
                ask_size = lots(frame[at:end].decode())
                ask_size_text, ask_size_end, at = frame[at:], len(frame) - at, len(frame)
        except (UnitError, UnicodeDecodeError):
            return None
        if at != len(frame):
            return None
        return BookTicker(
            ts=ts,
            symbol=symbol,
            update_id=int(update_id),
            bid=bid,
            bid_size=bid_size,
            ask=ask,
            ask_size=ask_size,
        )

    return head, read

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

_AFTER_BID, _AFTER_BID_SIZE, _AFTER_ASK = b'","B":"', b'","a":"', b'","A":"'
_END = b'"}}'
_LONGEST_ID = 18
"""Digits of an update id: fits into 64 bits."""


class _Field:
    """One number and the text behind it, as they stood in the last frame."""

    __slots__ = ("after", "length", "read", "text", "value")

    def __init__(self, read: Callable[[str], int], after: bytes) -> None:
        self.read = read
        self.after = after
        self.text = b""
        """The number with what is behind it."""
        self.length = 0
        """Of `text`; 0: there has been no frame yet."""
        self.value = 0

    def find(self, frame: bytes, at: int) -> int:
        """Read another number that begins `at`; where the next one begins, or -1 where this is not the form. Raises UnitError or UnicodeDecodeError."""
        end = frame.find(self.after, at)
        if end < 0:
            return -1
        self.value = self.read(frame[at:end].decode())
        beyond = end + len(self.after)
        self.text = frame[at:beyond]
        self.length = beyond - at
        return beyond


class TickerReader:
    """Of one symbol."""

    __slots__ = ("_ask", "_ask_size", "_bid", "_bid_size", "_head", "_middle", "_symbol")

    def __init__(self, symbol: str, stream: str, numbers: SymbolNumbers) -> None:
        self._symbol = symbol
        self._head = f'{{"stream":"{stream}","data":{{"u":'.encode()
        self._middle = f',"s":"{symbol}","b":"'.encode()
        price, size = numbers.ticks.__getitem__, numbers.public_lots.read
        self._bid, self._bid_size = _Field(price, _AFTER_BID), _Field(size, _AFTER_BID_SIZE)
        self._ask, self._ask_size = _Field(price, _AFTER_ASK), _Field(size, _END)

    def read(self, frame: bytes, ts: int) -> BookTicker | None:
        """The event; None: the frame is not in this form, or holds no sound numbers."""
        head = self._head
        if not frame.startswith(head):
            return None
        start = len(head)
        at = frame.find(self._middle, start)
        digits = frame[start:at]
        if at < 0 or not digits.isdigit() or len(digits) > _LONGEST_ID or digits.startswith(b"0"):
            return None
        at += len(self._middle)
        bid, bid_size, ask, ask_size = self._bid, self._bid_size, self._ask, self._ask_size
        try:
            for field in (bid, bid_size, ask, ask_size):
                if field.length and frame.startswith(field.text, at):
                    at += field.length
                else:
                    at = field.find(frame, at)
                    if at < 0:
                        return None
        except (UnitError, UnicodeDecodeError):
            return None
        if at != len(frame):
            return None
        return BookTicker(
            ts=ts,
            symbol=self._symbol,
            update_id=int(digits),
            bid=bid.value,
            bid_size=bid_size.value,
            ask=ask.value,
            ask_size=ask_size.value,
        )

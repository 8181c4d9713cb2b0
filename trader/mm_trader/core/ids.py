"""Client order ids: `mm<identity hash>-<epoch>-<counter>-<sequence>`, all in base 36 after the hash.

The prefix belongs to the trading identity, so that a new incarnation finds and cancels what an old one left, and never touches anybody else's orders.
The epoch is that of the fencing token, and the counter grows from incarnation to incarnation: two can never make the same id.
At most 36 characters of `[A-Za-z0-9-]`, as the venue demands.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import Final

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """Non-negative integer in base 36."""
    if number < 0:
        raise ValueError("base36 takes no negative number")
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


def client_id_prefix(identity: str) -> str:
    """The start of every client order id of an identity, with its closing dash: 11 characters."""
    return f"mm{blake2s(identity.encode(), digest_size=4).hexdigest()}-"


def is_up_to(client_id: str, prefix: str, epoch: int, counter: float) -> bool:
    """True: an id under this prefix, of this incarnation or of one before it. One that cannot be read is nobody else's, so it is among them.
    `counter` infinite: any of this epoch."""
    if not client_id.startswith(prefix):
        return False
    words = client_id.removeprefix(prefix).split("-")
    try:
        return (int(words[0], 36), int(words[1], 36)) <= (epoch, counter)
    except (ValueError, IndexError):
        return True


class ClientIds:
    """Makes the client order ids of one incarnation."""

    def __init__(self, identity: str, epoch: int, counter: int) -> None:
        self.prefix = client_id_prefix(identity)
        self.epoch, self.counter = epoch, counter
        self._stem = f"{self.prefix}{base36(epoch)}-{base36(counter)}-"
        self._sequence = 0
        self._block = self._stem
        """All but the last digit of the next id."""

    def may_touch(self, client_id: str) -> bool:
        """True: an order of this incarnation, or of one before it; one of a later incarnation is in the hands of whoever has the lease now."""
        return is_up_to(client_id, self.prefix, self.epoch, self.counter)

    def next(self) -> str:
        """The next id, never given out before under this identity."""
        self._sequence += 1
        rest, digit = divmod(self._sequence, 36)
        if digit == 0:
            self._block = self._stem + base36(rest)
        return self._block + _DIGITS[digit]

"""What the gateway does by itself on a failure reply of the venue, before it is passed on: wait, stop, look at the clock.

One place for REST and the WebSocket API, so that the reaction table is read and acted on in the same way everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from mm_trader.core.events import ErrorClass, Trouble
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.reactions import UNREADABLE, Step, classify
from mm_trader.venue.binance.wire.market import DECODE_ERRORS
from mm_trader.venue.binance.wire.replies import ApiReply, ErrorBody, ErrorData

_decode_error = msgspec.json.Decoder(ErrorBody).decode
_decode_data = msgspec.json.Decoder(ErrorData).decode
_MAX_MESSAGE = 200


class Failure(NamedTuple):
    """A reply that is no success, judged. The message is free of secrets."""

    error: ErrorClass
    code: int
    message: str


class Reflexes:
    """Judges failures and acts on the step that the table names."""

    def __init__(
        self,
        governor: RateGovernor,
        redact: Callable[[str], str],
        resync_clock: Callable[[int | None], None],
        disconnect_orders: Callable[[], None],
        look_at_rules: Callable[[], None],
        tell: Callable[[Trouble, str], None],
    ) -> None:
        self._governor = governor
        self.redact = redact
        self._resync_clock = resync_clock
        self._disconnect_orders = disconnect_orders
        self._look_at_rules = look_at_rules
        self._tell = tell

    def on_http(
        self, status: int, body: bytes, headers: Mapping[str, str], purpose: Purpose, sent_ns: int | None
    ) -> Failure:
        """A REST reply other than 2xx; `Retry-After` is in seconds. `sent_ns`: when the request got its timestamp, here and
        below; None where that is not known."""
        try:
            error: ErrorBody | None = _decode_error(body)
        except DECODE_ERRORS:
            error = None
        return self._judge(status, error, retry_after(headers), purpose, sent_ns)

    def on_reply(self, reply: ApiReply, purpose: Purpose, sent_ns: int | None = None) -> Failure:
        """A WebSocket API reply other than 2xx; `retryAfter` is epoch ms."""
        return self._judge(reply.status or 0, reply.error, self._wait(reply.error), purpose, sent_ns)

    def on_half(self, error: ErrorBody, purpose: Purpose, sent_ns: int | None) -> Failure:
        """The error of one half of a cancel-replace: as if the half had been a request of its own, refused with a 400."""
        return self._judge(400, error, self._wait(error), purpose, sent_ns)

    def _wait(self, error: ErrorBody | None) -> float | None:
        if error is None or not bytes(error.data):
            return None
        try:
            until_ms = _decode_data(error.data).retry_after
        except DECODE_ERRORS:
            return None
        return None if until_ms is None else self._governor.wait_of(until_ms)

    def _judge(
        self,
        status: int,
        error: ErrorBody | None,
        wait_s: float | None,
        purpose: Purpose,
        sent_ns: int | None,
    ) -> Failure:
        code = error.code if error is not None else None
        message = error.msg if error is not None else f"status {status} with a body that is not the venue's"
        reaction = classify(status, code, message)
        if reaction.step is Step.PAUSE:
            self._governor.throttled(purpose, wait_s)
        elif reaction.step is Step.BAN:
            if self._governor.banned(wait_s):
                self._tell(Trouble.BANNED, "status 418: the venue has banned this address for a while")
            self._disconnect_orders()
        elif reaction.step is Step.RESYNC:
            self._resync_clock(sent_ns)
        elif reaction.step is Step.REREAD:
            self._look_at_rules()
        shown = self.redact(message)[:_MAX_MESSAGE]
        return Failure(reaction.error, UNREADABLE if code is None else code, shown)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The header's seconds; None where it is absent or no number."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None

"""Replies of the order socket → the events that answer the commands. A success that cannot be read is no success: it is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from mm_trader.core.commands import Amend, Cancel, CancelReplace, Modify, Place
from mm_trader.core.events import ErrorClass
from mm_trader.venue.binance.answers import Answers
from mm_trader.venue.binance.order_requests import OrderCommand, cost_of
from mm_trader.venue.binance.reflexes import Failure, Reflexes
from mm_trader.venue.binance.wire.market import FrameError
from mm_trader.venue.binance.wire.numbers import SymbolNumbers
from mm_trader.venue.binance.wire.replies import (
    AmendBody,
    ApiReply,
    ErrorBody,
    Half,
    OrderBody,
    Placed,
    ReplaceBody,
    amended_view,
    order_view,
    read_body,
)

UNREADABLE_SUCCESS = "success with a result that cannot be read"
NOT_ATTEMPTED = "not attempted"


class OrderReplies:
    """Answers a command from its reply. `note_order` learns whose the venue's order ids are."""

    def __init__(
        self,
        numbers: Mapping[str, SymbolNumbers],
        reflexes: Reflexes,
        answers: Answers,
        note_order: Callable[[str, int, bool], None],
    ) -> None:
        self._numbers = numbers
        self._reflexes = reflexes
        self._answers = answers
        self._note_order = note_order

    def answer(self, command: OrderCommand, reply: ApiReply, sent_ns: int) -> bool:
        """Give the command its one answer, a CancelReplace one for each half. `sent_ns`: when the command got its timestamp.
        False: whether a new order rests at the venue is left in doubt."""
        succeeded = (reply.status or 0) // 100 == 2
        if isinstance(command, CancelReplace):
            return self._replaced(command, reply, succeeded, sent_ns)
        if not succeeded:
            return self._failed(command, self._reflexes.on_reply(reply, cost_of(command)[0], sent_ns))
        try:
            self._carried_out(command, reply.result)
        except FrameError:
            self._answers.unknown(command, UNREADABLE_SUCCESS)
            return False
        return True

    def _failed(self, command: Place | Cancel | Amend | Modify, failure: Failure) -> bool:
        self._answers.failed(command, failure)
        return failure.error is not ErrorClass.AMBIGUOUS

    def _carried_out(self, command: Place | Cancel | Amend | Modify, result: msgspec.Raw) -> None:
        numbers = self._numbers[command.symbol]
        if isinstance(command, Place):
            self._placed(command, result)
        elif isinstance(command, Cancel):
            self._answers.cancelled(order_view(read_body(result, OrderBody), numbers))
        elif isinstance(command, Modify):
            self._answers.amended(order_view(read_body(result, OrderBody), numbers))
        else:
            self._answers.amended(amended_view(read_body(result, AmendBody), numbers))

    def _placed(self, place: Place, result: msgspec.Raw) -> None:
        venue_id = read_body(result, Placed).order_id
        self._note_order(place.symbol, venue_id, True)
        self._answers.accepted(place, venue_id)

    # --- cancel-replace ------------------------------------------------------------------------------------------------------------------

    def _replaced(self, command: CancelReplace, reply: ApiReply, succeeded: bool, sent_ns: int) -> bool:
        failure = None if succeeded else self._reflexes.on_reply(reply, cost_of(command)[0], sent_ns)
        halves = _halves(reply, succeeded)
        cancel = cancel_half(command)
        if halves is None:
            if failure is None:
                self._answers.unknown(cancel, UNREADABLE_SUCCESS)
                self._answers.unknown(command.place, UNREADABLE_SUCCESS)
                return False
            # refused as a whole before either half was tried, or nobody can say
            self._failed(cancel, failure)
            return self._failed(command.place, failure)
        self._half(cancel, halves.cancel_result, halves.cancel_response, sent_ns)
        return self._half(command.place, halves.new_order_result, halves.new_order_response, sent_ns)

    def _half(self, command: Place | Cancel, outcome: Half, response: msgspec.Raw, sent_ns: int) -> bool:
        if outcome is Half.NOT_ATTEMPTED:
            self._answers.dropped(command, NOT_ATTEMPTED)
            return True
        try:
            if outcome is Half.SUCCESS:
                self._carried_out(command, response)
            else:
                error = read_body(response, ErrorBody)
                return self._failed(command, self._reflexes.on_half(error, cost_of(command)[0], sent_ns))
        except FrameError:
            self._answers.unknown(command, f"{outcome.value.lower()} with a result that cannot be read")
            return False
        return True


def cancel_half(command: CancelReplace) -> Cancel:
    """The cancel that a cancel-replace begins with."""
    return Cancel(symbol=command.symbol, client_id=command.client_id, venue_id=command.venue_id)


def _halves(reply: ApiReply, succeeded: bool) -> ReplaceBody | None:
    """What became of each half: the result of a success, the `data` of a 400, 409 or 429. None where the reply does not say."""
    raw = reply.result if succeeded else (reply.error.data if reply.error is not None else msgspec.Raw(b""))
    try:
        return read_body(raw, ReplaceBody) if bytes(raw) else None
    except FrameError:
        return None

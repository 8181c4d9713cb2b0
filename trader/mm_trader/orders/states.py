"""The order state machine, as ONE table. Every edge says what really happens on it; docs/orders.md and its diagram are generated from here.

What is not in the table is refused (`validate_transition`) and counted as an order anomaly. UNKNOWN is a state of its own: nobody can say whether
the order is open. It has no expiry; only the venue's word ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class OrderState(StrEnum):
    """Where an order stands, to the best of our evidence."""

    PENDING = "PENDING"
    """Journaled and handed to the sender; the venue has not answered."""
    NEW = "NEW"
    """Open, nothing filled."""
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    """Open, something filled."""
    FILLED = "FILLED"
    CANCELING = "CANCELING"
    """We asked for its cancel; still open for all we know."""
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    """Refused, or shown never to have reached the venue."""
    EXPIRED = "EXPIRED"
    """Ended by the venue, self-trade prevention among the reasons."""
    UNKNOWN = "UNKNOWN"
    """No trustworthy answer. Blocks its side and counts with its worst case until the venue has spoken."""


PENDING: Final = OrderState.PENDING
"""Names that are quick to look up: see `events.BUY`."""
NEW: Final = OrderState.NEW
PARTIALLY_FILLED: Final = OrderState.PARTIALLY_FILLED
FILLED: Final = OrderState.FILLED
CANCELING: Final = OrderState.CANCELING
CANCELED: Final = OrderState.CANCELED
REJECTED: Final = OrderState.REJECTED
UNKNOWN: Final = OrderState.UNKNOWN


class IllegalTransitionError(Exception):
    """A transition the table does not have. The state stays; the caller counts an anomaly."""


_S = OrderState

TRANSITIONS: Final[Mapping[OrderState, Mapping[OrderState, str]]] = MappingProxyType(
    {
        _S.PENDING: {
            _S.NEW: "the venue's acknowledgement",
            _S.PARTIALLY_FILLED: "fill before ack: the user stream overtakes the reply on the order socket",
            _S.FILLED: "fill before ack, all of it",
            _S.CANCELING: "a halt or a stop comes before the ack: the cancel does not wait for it",
            _S.CANCELED: "cancelled by a person or by cancel-all before the ack was read",
            _S.REJECTED: "refused by the venue (post-only would take, filter, balance), or dropped before the socket",
            _S.EXPIRED: "expired in match: self-trade prevention ended it at once",
            _S.UNKNOWN: "time-out, 5xx or lost socket after the send: it may or may not be open",
        },
        _S.NEW: {
            _S.PARTIALLY_FILLED: "first fill",
            _S.FILLED: "filled in one go",
            _S.CANCELING: "we want it gone",
            _S.CANCELED: "cancelled by the venue or by a person, without our asking",
            _S.EXPIRED: "expired in match, or the venue's own clean-up",
            _S.UNKNOWN: "missing from the venue's open orders although no end was reported, or a change got no trustworthy answer: ask",
        },
        _S.PARTIALLY_FILLED: {
            _S.FILLED: "the last fill",
            _S.CANCELING: "we want the rest gone",
            _S.CANCELED: "the rest was cancelled without our asking",
            _S.EXPIRED: "the rest expired in match",
            _S.UNKNOWN: "missing from the venue's open orders although no end was reported, or a change got no trustworthy answer: ask",
        },
        _S.CANCELING: {
            _S.CANCELED: "cancel confirmed",
            _S.FILLED: "the last fill won the race against our cancel",
            _S.EXPIRED: "expired while the cancel was on its way",
            _S.REJECTED: "the cancel was sent before the ack, and the place turned out refused",
            _S.NEW: "the cancel was refused, dropped or overtaken, and the venue says it is open",
            _S.PARTIALLY_FILLED: "the same, with something filled",
            _S.UNKNOWN: "the cancel got no trustworthy answer",
        },
        _S.UNKNOWN: {
            _S.NEW: "the query found it open",
            _S.PARTIALLY_FILLED: "the query found it open and partly filled",
            _S.FILLED: "the query, or a late user event, shows it filled",
            _S.CANCELING: "a cancel is sent although nobody knows whether it is open: harmless, and safer",
            _S.CANCELED: "the query shows it cancelled, or the venue has forgotten an order it once took",
            _S.REJECTED: "reject after time-out; or not found, asked after the venue could no longer accept it",
            _S.EXPIRED: "the query shows it expired",
        },
        _S.CANCELED: {
            _S.FILLED: "late fill after cancel: the trade happened first, its event came last, and it completes the order",
            _S.NEW: "judged gone since the venue no longer knew it, and it shows it open all the same: the venue wins (anomaly)",
            _S.PARTIALLY_FILLED: "the same, partly filled",
            _S.EXPIRED: "the same, expired",
        },
        _S.EXPIRED: {
            _S.FILLED: "late fill after expiry, for the same reason",
        },
        _S.REJECTED: {
            _S.NEW: "judged never placed, and the venue shows it open all the same: the venue wins (anomaly)",
            _S.PARTIALLY_FILLED: "the same, partly filled",
            _S.FILLED: "the same, filled",
            _S.CANCELED: "the same, already cancelled",
            _S.EXPIRED: "the same, already expired",
        },
        _S.FILLED: {},
    }
)

FINAL_STATES: Final = frozenset({_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED})
"""The order is over."""
OPEN_STATES: Final = frozenset({_S.NEW, _S.PARTIALLY_FILLED})
"""The venue has confirmed the order, and nothing is on its way for it."""


def allowed_transitions(state: OrderState) -> frozenset[OrderState]:
    """The states that may follow `state`."""
    return frozenset(TRANSITIONS[state])


def is_final(state: OrderState) -> bool:
    """True: the order is over. A late fill may still be reported for it; only FILLED can never change."""
    return state in FINAL_STATES


def validate_transition(before: OrderState, after: OrderState) -> None:
    """Raise IllegalTransitionError unless the table has the edge."""
    if after not in TRANSITIONS[before]:
        legal = ", ".join(sorted(TRANSITIONS[before])) or "nothing"
        raise IllegalTransitionError(f"{before} → {after} is not a transition; {before} may become {legal}")


VENUE_STATES: Final[Mapping[str, OrderState]] = MappingProxyType(
    {
        "NEW": _S.NEW,
        "PENDING_NEW": _S.NEW,
        "PARTIALLY_FILLED": _S.PARTIALLY_FILLED,
        "FILLED": _S.FILLED,
        "CANCELED": _S.CANCELED,
        "PENDING_CANCEL": _S.CANCELING,
        "REJECTED": _S.REJECTED,
        "EXPIRED": _S.EXPIRED,
        "EXPIRED_IN_MATCH": _S.EXPIRED,
    }
)
"""The venue's words for a status. A word that is not here is an anomaly, and the order is asked about."""

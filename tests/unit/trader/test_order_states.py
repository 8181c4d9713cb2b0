"""The order state machine: one table, and the documents that come from it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mm_trader.orders.diagram import generated_section
from mm_trader.orders.states import (
    TRANSITIONS,
    VENUE_STATES,
    IllegalTransitionError,
    OrderState,
    allowed_transitions,
    is_final,
    validate_transition,
)

DOCS = Path(__file__).parents[3] / "docs" / "orders.md"


def test_every_state_has_a_row_and_every_edge_says_what_happens_on_it():
    assert set(TRANSITIONS) == set(OrderState)
    for before, edges in TRANSITIONS.items():
        assert before not in edges, "staying is no transition"
        assert all(len(why) > 8 for why in edges.values())


@pytest.mark.parametrize("before,after", list(itertools.product(OrderState, OrderState)))
def test_validate_transition_agrees_with_the_table(before, after):
    if after in allowed_transitions(before):
        validate_transition(before, after)
    else:
        with pytest.raises(IllegalTransitionError, match=before):
            validate_transition(before, after)


def test_final_states_are_the_four_ends_and_only_a_late_fill_or_the_venue_leads_out_of_them():
    assert {state for state in OrderState if is_final(state)} == {
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
    }
    assert allowed_transitions(OrderState.FILLED) == frozenset()
    # the venue may show an order that it had forgotten
    assert allowed_transitions(OrderState.CANCELED) == {
        OrderState.FILLED,
        OrderState.NEW,
        OrderState.PARTIALLY_FILLED,
        OrderState.EXPIRED,
    }
    assert allowed_transitions(OrderState.EXPIRED) == {OrderState.FILLED}
    assert OrderState.PENDING not in allowed_transitions(OrderState.REJECTED)


def test_nothing_returns_to_pending():
    assert all(OrderState.PENDING not in edges for edges in TRANSITIONS.values())


def test_unknown_can_end_in_everything_the_venue_may_say():
    assert set(VENUE_STATES.values()) <= allowed_transitions(OrderState.UNKNOWN)


def test_the_page_in_the_docs_is_the_table():
    text = DOCS.read_text()
    begin, end = "<!-- generated from mm_trader.orders.states -->\n", "<!-- end of generated part -->"
    section = text[text.index(begin) + len(begin) : text.index(end)]
    assert section.strip() == generated_section().strip(), (
        "docs/orders.md is behind the table: put mm_trader.orders.diagram.generated_section() between its markers"
    )

"""The judges that the end-to-end scenarios rely on find what they are there to find."""

from __future__ import annotations

import pytest

from e2e.kit.api import Object
from e2e.kit.deadline import DeadlineMissed, eventually
from e2e.kit.venue import Entry, crowded_sides, repeated_orders, second_writers


def place(seq: int, client_id: str) -> Entry:
    return Entry(
        seq=seq,
        time=float(seq),
        kind="place",
        account="paper",
        symbol="ETHUSDC",
        client_id=client_id,
        side="BUY",
        open_orders=1,
    )


def order(side: str, symbol: str = "ETHUSDC") -> Object:
    return {"symbol": symbol, "side": side}


def test_one_incarnation_after_the_other_is_one_writer() -> None:
    journal = [place(1, "mmab-1-1-1"), place(2, "mmab-1-1-2"), place(3, "mmab-1-2-1"), place(4, "mmab-2-1-1")]
    assert second_writers(journal) == []
    assert repeated_orders(journal) == []


@pytest.mark.parametrize("late", ["mmab-1-z-9", "mmab-2-1-9"])
def test_an_order_of_an_older_incarnation_after_a_newer_one_is_a_second_writer(late: str) -> None:
    journal = [place(1, "mmab-1-z-1"), place(2, "mmab-2-1-1"), place(3, "mmab-2-2-1"), place(4, late)]
    assert len(second_writers(journal)) == 1


def test_tokens_are_numbers_in_base_36_and_not_text() -> None:
    assert second_writers([place(1, "mmab-9-1-1"), place(2, "mmab-10-1-1")]) == []
    assert second_writers([place(1, "mmab-10-1-1"), place(2, "mmab-9-1-1")])


def test_a_client_id_that_comes_twice_is_a_repeated_order() -> None:
    assert repeated_orders([place(1, "mmab-1-1-1"), place(2, "mmab-1-1-1")]) == ["mmab-1-1-1"]


def test_two_orders_on_one_side_of_a_symbol_are_one_too_many() -> None:
    assert crowded_sides([order("BUY"), order("SELL"), order("BUY", "BTCUSDC")]) == []
    assert crowded_sides([order("BUY"), order("SELL"), order("BUY")]) == ["ETHUSDC BUY: 2"]


def test_a_missed_deadline_says_what_was_seen_instead() -> None:
    with pytest.raises(DeadlineMissed, match="the pod: not within 0 s; last seen: Pending"):
        eventually("the pod", lambda: "Pending", until=lambda seen: seen == "Running", within=0)

"""Client order ids: of one incarnation, counted in base 36, none given out twice."""

from __future__ import annotations

from mm_trader.core.ids import ClientIds, base36, client_id_prefix


def test_an_id_is_prefix_epoch_counter_and_the_number_of_the_order_in_base_36() -> None:
    ids = ClientIds("eth-mm", 36, 2)
    stem = f"{client_id_prefix('eth-mm')}10-2-"
    assert [ids.next() for _ in range(3_000)] == [stem + base36(number) for number in range(1, 3_001)]


def test_an_order_of_this_incarnation_or_one_before_may_be_touched_and_a_later_ones_is_in_other_hands() -> (
    None
):
    ids = ClientIds("eth-mm", 3, 40)
    for epoch, counter in ((3, 40), (3, 39), (2, 41), (0, 0)):
        assert ids.may_touch(ClientIds("eth-mm", epoch, counter).next()), (epoch, counter)
    for epoch, counter in ((3, 41), (4, 0)):
        assert not ids.may_touch(ClientIds("eth-mm", epoch, counter).next()), (epoch, counter)


def test_an_id_under_the_prefix_that_cannot_be_read_is_nobody_elses_and_one_without_it_is_not_ours() -> None:
    ids = ClientIds("eth-mm", 3, 40)
    for rest in ("", "1", "a-", "é-1-1"):
        assert ids.may_touch(ids.prefix + rest), rest
    assert not ids.may_touch(ClientIds("btc-mm", 3, 40).next())
    assert not ids.may_touch("web_1234")

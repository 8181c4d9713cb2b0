"""Client order ids: of one incarnation, counted in base 36, none given out twice."""

from __future__ import annotations

from mm_trader.core.ids import ClientIds, base36, client_id_prefix


def test_an_id_is_prefix_epoch_counter_and_the_number_of_the_order_in_base_36() -> None:
    ids = ClientIds("eth-mm", 36, 2)
    stem = f"{client_id_prefix('eth-mm')}10-2-"
    assert [ids.next() for _ in range(3_000)] == [stem + base36(number) for number in range(1, 3_001)]

"""The reaction table, row by row, and through the reflexes for both kinds of reply."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mm_trader.core.clock import ManualClock
from mm_trader.core.events import ErrorClass
from mm_trader.venue.binance.governor import Purpose, RateGovernor
from mm_trader.venue.binance.reaction_page import STEPS, table
from mm_trader.venue.binance.reactions import TABLE, Step, classify
from mm_trader.venue.binance.reflexes import Reflexes
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.wire.replies import read_reply

CASES: list[tuple[int, int | None, str, ErrorClass, Step]] = [
    (418, -1003, "Way too much request weight used; IP banned", ErrorClass.THROTTLED, Step.BAN),
    (418, None, "", ErrorClass.THROTTLED, Step.BAN),
    (429, -1003, "Too much request weight used", ErrorClass.THROTTLED, Step.PAUSE),
    (429, -1015, "Too many new orders", ErrorClass.THROTTLED, Step.PAUSE),
    (500, None, "", ErrorClass.AMBIGUOUS, Step.NONE),
    (503, -1008, "Server is currently overloaded", ErrorClass.AMBIGUOUS, Step.NONE),
    (504, -2010, "even with a code", ErrorClass.AMBIGUOUS, Step.NONE),
    (400, -1000, "An unknown error occurred", ErrorClass.AMBIGUOUS, Step.NONE),
    (400, -1001, "Internal error", ErrorClass.AMBIGUOUS, Step.NONE),
    (400, -1006, "An unexpected response", ErrorClass.AMBIGUOUS, Step.NONE),
    (400, -1007, "Timeout waiting for response", ErrorClass.AMBIGUOUS, Step.NONE),
    (409, -2021, "Order cancel-replace partially failed", ErrorClass.AMBIGUOUS, Step.NONE),
    (400, -2022, "Order cancel-replace failed.", ErrorClass.AMBIGUOUS, Step.NONE),
    (401, -2014, "API-key format invalid", ErrorClass.AUTH, Step.NONE),
    (401, None, "", ErrorClass.AUTH, Step.NONE),
    (400, -2015, "Invalid API-key, IP, or permissions", ErrorClass.AUTH, Step.NONE),
    (400, -1022, "Signature for this request is not valid", ErrorClass.AUTH, Step.NONE),
    (400, -1002, "You are not authorized", ErrorClass.AUTH, Step.NONE),
    (403, None, "", ErrorClass.AUTH, Step.NONE),
    (400, -1021, "Timestamp for this request is outside of the recvWindow", ErrorClass.CLOCK, Step.RESYNC),
    (400, -1003, "Too many requests", ErrorClass.THROTTLED, Step.PAUSE),
    (400, -1015, "Too many orders", ErrorClass.THROTTLED, Step.PAUSE),
    (400, -1008, "Server busy", ErrorClass.THROTTLED, Step.NONE),
    (400, -2010, "Order would immediately match and take.", ErrorClass.POST_ONLY, Step.NONE),
    (400, -2010, "Duplicate order sent.", ErrorClass.DUPLICATE, Step.NONE),
    (400, -2010, "Account has insufficient balance for requested action.", ErrorClass.BALANCE, Step.NONE),
    (400, -2010, "Market is closed.", ErrorClass.CLOSED, Step.REREAD),
    (400, -1013, "Market is closed.", ErrorClass.CLOSED, Step.REREAD),
    (400, -4108, "This symbol is not in trading status.", ErrorClass.CLOSED, Step.REREAD),
    (400, -4140, "Invalid symbol status for opening position.", ErrorClass.CLOSED, Step.REREAD),
    (400, -2038, "Order amend (quantity increase) is not supported.", ErrorClass.REFUSED, Step.NONE),
    (400, -2011, "Unknown order sent.", ErrorClass.NOT_FOUND, Step.NONE),
    (400, -2011, "Order was not canceled due to cancel restrictions.", ErrorClass.REFUSED, Step.NONE),
    (400, -2022, "ReduceOnly Order is rejected.", ErrorClass.REFUSED, Step.NONE),
    (400, -5022, "Due to the order could not be executed as maker", ErrorClass.POST_ONLY, Step.NONE),
    (400, -4116, "ClientOrderId is duplicated.", ErrorClass.DUPLICATE, Step.NONE),
    (400, -2019, "Margin is insufficient.", ErrorClass.BALANCE, Step.NONE),
    (400, -2018, "Balance is insufficient.", ErrorClass.BALANCE, Step.NONE),
    (400, -2013, "Order does not exist.", ErrorClass.NOT_FOUND, Step.NONE),
    (
        400,
        -2026,
        "Order was canceled or expired with no executed qty over 90 days ago",
        ErrorClass.REFUSED,
        Step.NONE,
    ),
    (400, -1013, "Filter failure: NOTIONAL", ErrorClass.REFUSED, Step.NONE),
    (400, -1111, "Parameter 'price' has too much precision.", ErrorClass.REFUSED, Step.NONE),
    (400, -1121, "Invalid symbol.", ErrorClass.REFUSED, Step.NONE),
    (400, None, "", ErrorClass.AMBIGUOUS, Step.NONE),
    (302, None, "", ErrorClass.AMBIGUOUS, Step.NONE),
    (404, None, "", ErrorClass.AMBIGUOUS, Step.NONE),
    (0, None, "", ErrorClass.AMBIGUOUS, Step.NONE),
]


@pytest.mark.parametrize(("status", "code", "message", "error", "step"), CASES)
def test_a_reply_means_what_the_table_says(
    status: int, code: int | None, message: str, error: ErrorClass, step: Step
) -> None:
    assert classify(status, code, message) == (error, step)


def test_every_row_of_the_table_is_reached_by_a_case() -> None:
    reached = set()
    for status, code, message, *_ in CASES:
        for index, row in enumerate(TABLE):
            fits_status = row.statuses is None or status in row.statuses
            fits_code = row.codes is None or code in row.codes
            body_needed = code is None and row.error is ErrorClass.REFUSED
            if fits_status and fits_code and row.text in message.lower() and not body_needed:
                reached.add(index)
                break
    assert reached == set(range(len(TABLE)))


class Bench:
    """Reflexes on clocks that stand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        venue_clock = VenueClock(self.clock)
        self.governor = RateGovernor(venue_clock, GatewaySettings())
        self.done: list[str] = []
        self.reflexes = Reflexes(
            self.governor,
            lambda text: text.replace("canary", "***"),
            lambda sent_ns: self.done.append(f"resync {sent_ns}"),
            lambda: self.done.append("disconnect"),
            lambda: self.done.append("reread"),
            lambda trouble, _detail: self.done.append(trouble.value),
        )

    def http(self, status: int, code: int, headers: dict[str, str]) -> ErrorClass:
        body = json.dumps({"code": code, "msg": "canary"}).encode()
        failure = self.reflexes.on_http(status, body, headers, Purpose.PLACE, 7)
        assert failure.message == "***"
        return failure.error


def test_a_rest_429_pauses_places_for_the_seconds_it_names() -> None:
    bench = Bench()
    assert bench.http(429, -1003, {"Retry-After": "7"}) is ErrorClass.THROTTLED
    assert bench.governor.admit(Purpose.PLACE, 1) is not None
    assert bench.governor.admit(Purpose.CANCEL, 1) is None
    bench.clock.advance(7_000_000_000)
    assert bench.governor.admit(Purpose.PLACE, 1) is None


def test_a_websocket_429_names_an_instant_and_not_a_length() -> None:
    bench = Bench()
    until_ms = bench.clock.wall_ns() // 1_000_000 + 3000
    error = {"code": -1015, "msg": "x", "data": {"serverTime": 1, "retryAfter": until_ms}}
    reply = read_reply(json.dumps({"id": "1", "status": 429, "error": error}).encode())
    bench.reflexes.on_reply(reply, Purpose.PLACE)
    bench.clock.advance(2_900_000_000)
    assert bench.governor.admit(Purpose.PLACE, 1) is not None
    bench.clock.advance(100_000_000)
    assert bench.governor.admit(Purpose.PLACE, 1) is None


def test_a_418_bans_everything_and_disconnects_the_order_socket() -> None:
    bench = Bench()
    bench.http(418, -1003, {"Retry-After": "120"})
    bench.http(418, -1003, {"Retry-After": "120"})
    assert bench.done == ["banned", "disconnect", "disconnect"]
    assert all(bench.governor.admit(purpose, 1) == "banned by the venue" for purpose in Purpose)
    assert bench.governor.ban_left_s() == 120
    bench.clock.advance(120_000_000_000)
    assert bench.governor.admit(Purpose.CANCEL, 1) is None


def test_a_clock_refusal_asks_for_a_new_measurement() -> None:
    bench = Bench()
    assert bench.http(400, -1021, {}) is ErrorClass.CLOCK
    assert bench.done == ["resync 7"]


def test_a_body_that_is_not_the_venues_is_never_a_definite_refusal() -> None:
    bench = Bench()
    for body in (b"", b"<html>", b"[]", b'{"code":"x"}', b"\xff\xfe", b'{"code":-2010,"msg":"\xe4"}'):
        assert bench.reflexes.on_http(400, body, {}, Purpose.PLACE, 0).error is ErrorClass.AMBIGUOUS


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "٣"])
def test_a_retry_after_that_is_no_number_gives_the_default_pause(value: str) -> None:
    bench = Bench()
    bench.http(429, -1003, {"Retry-After": value})
    bench.clock.advance(int(GatewaySettings().throttle_default_s * 1e9) - 1)
    assert bench.governor.admit(Purpose.QUERY, 1) is not None
    bench.clock.advance(1)
    assert bench.governor.admit(Purpose.QUERY, 1) is None


def test_the_page_shows_the_table_as_it_is() -> None:
    page = (Path(__file__).parents[3] / "docs" / "venue-binance.md").read_text()
    begin, end = "<!-- generated from mm_trader.venue.binance.reactions -->\n", "<!-- end -->"
    shown = page.split(begin, 1)[1].split(end, 1)[0]
    assert shown == table(), (
        "docs/venue-binance.md is behind the table: put mm_trader.venue.binance.reaction_page.table() between its markers"
    )


def test_every_step_is_described() -> None:
    assert STEPS.keys() == set(Step)

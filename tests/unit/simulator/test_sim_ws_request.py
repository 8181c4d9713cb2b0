"""The quick way to read a WebSocket API request gives what the careful one gives, whatever the text."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mm_trader.venue.simulator.engine.errors import RefusalError
from mm_trader.venue.simulator.server.ws_request import read_piecewise, read_request

VALUES = st.sampled_from(
    ['"x"', '""', '"\\u00e9\\n"', "0", "-0", "1", "-7", "1.0", "0.10", "1e3", "9" * 30, "true", "null", '["a", 1]', "[", '{"a":1}']
)  # fmt: skip
IDS = st.one_of(
    VALUES,
    st.just('"' + "a" * 36 + '"'),
    st.just('"' + "a" * 37 + '"'),
    st.integers(-(10**21), 10**21).map(str),
)
NAMES = st.sampled_from(["symbol", "price", "signature", "apiKey"])
PARAMS = st.one_of(
    VALUES,
    st.lists(st.tuples(NAMES, VALUES), max_size=4).map(
        lambda p: "{" + ",".join(f'"{k}":{v}' for k, v in p) + "}"
    ),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS,
        "method": st.one_of(st.just('"order.place"'), VALUES),
        "params": PARAMS,
        "more": VALUES,
    },
)
MESSAGES = FIELDS.map(lambda f: "{" + ",".join(f'"{k}":{v}' for k, v in f.items()) + "}")


def outcome(read: object, text: str) -> object:
    assert callable(read)
    try:
        return read(text)
    except RefusalError as error:
        return type(error), error.code, error.msg, getattr(error, "number", None)


@given(st.one_of(MESSAGES, st.text(max_size=20)))
@example('{"id":1,"method":"order.place","params":{"price":-0,"symbol":"ETHUSDC"}}')
@example('{"id":1,"method":"a","params":{},"params":{"symbol":"A"}}')
@example('{"id":"\ud800","method":"a"}')
def test_both_ways_to_read_a_request_agree(text: str) -> None:
    assert outcome(read_request, text) == outcome(read_piecewise, text)


def test_a_number_is_read_as_the_text_that_was_signed() -> None:
    text = (
        '{"id":7,"method":"order.place","params":{"price":1.50,"timestamp":1700000000000,"quantity":"0.010"}}'
    )
    assert read_request(text) == (
        7,
        "order.place",
        {"price": "1.50", "timestamp": "1700000000000", "quantity": "0.010"},
    )

"""Events of the user data stream → core events. The wire's letters stop here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from mm_trader.core.events import AccountUpdate, Event, ExecutionReport, OrderView, Side, TradeView
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.wire.market import FrameError, Notice
from mm_trader.venue.binance.wire.numbers import SymbolNumbers

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


class _Named(msgspec.Struct):
    e: str = ""


class _Report(msgspec.Struct):
    """executionReport, the fields in use. Types are the venue's: numbers are strings, `N` is null without a commission."""

    s: str
    c: str
    S: str
    q: str
    p: str
    x: str
    X: str
    i: int
    z: str
    E: int
    T: int
    C: str | None = None
    r: str = ""
    l: str = "0"  # noqa: E741 - the wire's name
    L: str = "0"
    n: str | None = None
    N: str | None = None
    t: int = -1
    m: bool = False


class _Balance(msgspec.Struct):
    a: str
    f: Decimal
    l: Decimal  # noqa: E741 - the wire's name


class _Position(msgspec.Struct):
    B: list[_Balance]


_REPORT_START = b'{"e":"executionReport",'
_decode_name = msgspec.json.Decoder(_Named).decode
_decode_report = msgspec.json.Decoder(_Report).decode
_decode_position = msgspec.json.Decoder(_Position).decode


class UserDecoder:
    """Decodes the inner `event` objects of one account's stream."""

    def __init__(self, numbers: Mapping[str, SymbolNumbers]) -> None:
        self._numbers = numbers

    def decode(self, event: bytes, ts: int) -> Event | Notice:
        """One event. Symbols that are not traded here are Notice.OTHER. Raises FrameError."""
        try:
            # reports come in bursts while orders move: told by their start, as the venue writes it, and decoded once
            if event.startswith(_REPORT_START):
                return self._report(_decode_report(event), ts)
            name = _decode_name(event).e
            if name == "executionReport":
                return self._report(_decode_report(event), ts)
            if name == "outboundAccountPosition":
                balances = {row.a: (row.f, row.l) for row in _decode_position(event).B}
                return AccountUpdate(ts=ts, balances=balances)
        except (msgspec.DecodeError, UnitError, KeyError, ArithmeticError) as error:
            raise FrameError(f"user event: {error}") from None
        if name in ("eventStreamTerminated", "serverShutdown"):
            return Notice.SHUTDOWN
        return Notice.OTHER

    def _report(self, report: _Report, ts: int) -> Event | Notice:
        numbers = self._numbers.get(report.s)
        if numbers is None:
            return Notice.OTHER
        side = SIDES[report.S]
        trade = None
        if report.x == "TRADE":
            trade = TradeView(
                symbol=report.s,
                trade_id=report.t,
                venue_id=report.i,
                side=side,
                price=numbers.ticks[report.L],
                size=numbers.lots[report.l],
                commission=Decimal(report.n or "0"),
                commission_asset=report.N or "",
                maker=report.m,
                venue_ms=report.T,
            )
        order = OrderView(
            symbol=report.s,
            # on a cancel `c` is the cancel's own id and `C` the order's
            client_id=report.C or report.c,
            venue_id=report.i,
            side=side,
            status=report.X,
            price=numbers.ticks[report.p],
            size=numbers.lots[report.q],
            filled=numbers.lots[report.z],
            update_ms=report.T,
        )
        reason = "" if report.r == "NONE" else report.r
        return ExecutionReport(ts=ts, order=order, execution=report.x, trade=trade, reject_reason=reason)

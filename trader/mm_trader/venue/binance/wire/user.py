"""Events of the user data stream → core events. The wire's letters stop here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from mm_trader.core.events import AccountUpdate, Event, ExecutionReport, OrderView, Side, TradeView
from mm_trader.core.units import UnitError
from mm_trader.venue.binance.wire.market import DECODE_ERRORS, FrameError, Notice
from mm_trader.venue.binance.wire.numbers import SymbolNumbers, finite, sound

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


class _Named(msgspec.Struct):
    e: str = ""


class Report(msgspec.Struct, tag_field="e", tag="executionReport", gc=False):
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
    last: str = msgspec.field(default="0", name="l")
    L: str = "0"
    n: str | None = None
    N: str | None = None
    t: int = -1
    m: bool = False


class _Balance(msgspec.Struct):
    a: str
    f: Decimal
    locked: Decimal = msgspec.field(name="l")


class Position(msgspec.Struct, tag_field="e", tag="outboundAccountPosition"):
    """outboundAccountPosition."""

    B: list[_Balance]


class _Frame(msgspec.Struct, gc=False):
    """A frame of the WebSocket API that carries an event."""

    event: Report | Position


parse_event = msgspec.json.Decoder(Report | Position).decode
"""An event as its type, with the venue's names and exact texts. Raises msgspec.DecodeError for the events that are not used."""
parse_frame = msgspec.json.Decoder(_Frame).decode
"""The same for a whole frame: envelope and event are gone through once."""
_decode_name = msgspec.json.Decoder(_Named).decode
_ZERO = "0.00000000"
_NO_COMMISSION = Decimal(0)


class UserDecoder:
    """Decodes the events of one account's stream."""

    def __init__(self, numbers: Mapping[str, SymbolNumbers]) -> None:
        self._numbers = numbers

    def decode_frame(self, frame: bytes, ts: int) -> Event | Notice | None:
        """A whole frame, where it carries one of the two events in use; None: it is to be read as a reply first. Raises FrameError."""
        try:
            event = parse_frame(frame).event
        except (*DECODE_ERRORS, ArithmeticError):
            return None
        return self._read(event, ts)

    def decode(self, event: bytes, ts: int) -> Event | Notice:
        """One inner `event` object. Symbols that are not traded here are Notice.OTHER. Raises FrameError."""
        try:
            name = _decode_name(event).e
            if name in ("executionReport", "outboundAccountPosition"):
                return self._read(parse_event(event), ts)
        except (*DECODE_ERRORS, ArithmeticError) as error:
            raise FrameError(f"user event: {error}") from None
        if name in ("eventStreamTerminated", "serverShutdown"):
            return Notice.SHUTDOWN
        return Notice.OTHER

    def _read(self, event: Report | Position, ts: int) -> Event | Notice:
        try:
            if isinstance(event, Position):
                balances = {row.a: (finite(row.f), finite(row.locked)) for row in event.B}
                return AccountUpdate(ts=ts, balances=balances)
            return self._report(event, ts)
        except (UnitError, KeyError, ArithmeticError) as error:
            raise FrameError(f"user event: {error}") from None

    def _report(self, report: Report, ts: int) -> Event | Notice:
        numbers = self._numbers.get(report.s)
        if numbers is None:
            return Notice.OTHER
        side = SIDES[report.S]
        ticks, lots = numbers.ticks, numbers.lots.read
        trade = None
        if report.x == "TRADE":
            commission = report.n
            trade = sound(
                TradeView(
                    symbol=report.s,
                    trade_id=report.t,
                    venue_id=report.i,
                    side=side,
                    price=ticks[report.L],
                    size=lots(report.last),
                    commission=Decimal(commission) if commission else _NO_COMMISSION,
                    commission_asset=report.N or "",
                    maker=report.m,
                    venue_ms=report.T,
                )
            )
        filled = report.z
        order = OrderView(
            symbol=report.s,
            # on a cancel `c` is the cancel's own id and `C` the order's
            client_id=report.C or report.c,
            venue_id=report.i,
            side=side,
            status=report.X,
            price=ticks[report.p],
            size=numbers.lots[report.q],
            filled=0 if filled == _ZERO else lots(filled),
            update_ms=report.T,
        )
        reason = "" if report.r == "NONE" else report.r
        return ExecutionReport(ts=ts, order=order, execution=report.x, trade=trade, reject_reason=reason)

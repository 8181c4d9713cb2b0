"""Actions on connections and the clock: cuts, half-open sockets, silence, delay, shutdown, bans, skew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..server.connection import Channel
from ..time import NS_PER_S
from .spec import ONE_ACCOUNT, WHAT, Action, Field, Kind, Values

if TYPE_CHECKING:
    from ..simulator import Simulator


def _channel(values: Values) -> Channel | None:
    return None if values["what"] == "all" else Channel(values["what"])


def _cut(sim: Simulator, values: Values) -> Any:
    count = sim.sockets.cut(_channel(values), values["account"])
    if values["block_s"]:
        sim.sockets.refuse_new = True
        sim.scheduler.call_after(int(values["block_s"] * NS_PER_S), sim.accept_again)
    return {"cut": count}


def _expire(sim: Simulator, values: Values) -> Any:
    return {"expired": sim.sockets.expire(_channel(values), values["account"])}


def _mute(sim: Simulator, values: Values) -> Any:
    return {"muted": sim.sockets.mute(_channel(values), values["account"], values["deaf"])}


def _silence(sim: Simulator, values: Values) -> Any:
    sim.faults.pings_silent = values["on"]
    return {"pingsSilent": values["on"]}


def _delay(sim: Simulator, values: Values) -> Any:
    channel = _channel(values)
    for one in (channel,) if channel is not None else tuple(Channel):
        sim.faults.delays_ms[one] = values["ms"]
        sim.faults.jitters_ms[one] = values["jitter_ms"]
    return sim.faults.shape()


def _shutdown(sim: Simulator, values: Values) -> Any:
    sent = sim.announce_shutdown()
    if values["cut_after_s"] is not None:
        sim.scheduler.call_after(int(values["cut_after_s"] * NS_PER_S), lambda: _end_all(sim))
    return {"sent": sent}


def _end_all(sim: Simulator) -> None:
    sim.sockets.expire(None, None)


def _skew(sim: Simulator, values: Values) -> Any:
    sim.venue_clock.offset_ns = int(values["ms"] * 1_000_000)
    return {"ms": values["ms"]}


def _ban(sim: Simulator, values: Values) -> Any:
    until = sim.limits.ban_all(values["seconds"])
    if until:
        sim.wsapi.end_banned()
    return {"bannedUntilMs": until}


ACTIONS = {
    "cut": Action(
        "drops TCP connections without a goodbye",
        _cut,
        (
            WHAT,
            ONE_ACCOUNT,
            Field(
                "block_s",
                Kind.NUMBER,
                "seconds in which new sockets are refused with 503",
                default=0.0,
                low=0,
                high=3600,
            ),
        ),
        {"what": "market"},
    ),
    "expire": Action(
        "ends connections as their 24 hours would: a WebSocket close, then the end",
        _expire,
        (WHAT, ONE_ACCOUNT),
        {"what": "all"},
    ),
    "mute": Action(
        "half-open: connections stay up, nothing more leaves on them, nothing tells",
        _mute,
        (
            WHAT,
            ONE_ACCOUNT,
            Field("deaf", Kind.FLAG, "what arrives on them is lost too, instead of executed", default=False),
        ),
        {"what": "user"},
    ),
    "silence": Action(
        "neither pings nor pongs leave the venue, everything else does",
        _silence,
        (Field("on", Kind.FLAG, "false: they do again", default=True),),
        {"on": True},
    ),
    "delay": Action(
        "holds back what is sent, in order",
        _delay,
        (
            WHAT,
            Field("ms", Kind.INTEGER, "milliseconds; 0 ends it", default=0, low=0, high=600_000),
            Field(
                "jitter_ms",
                Kind.INTEGER,
                "up to this much more, drawn anew each time",
                default=0,
                low=0,
                high=600_000,
            ),
        ),
        {"what": "orders", "ms": 50, "jitter_ms": 20},
    ),
    "shutdown": Action(
        "sends `serverShutdown` on every connection",
        _shutdown,
        (Field("cut_after_s", Kind.NUMBER, "seconds after which they all end", low=0, high=86_400),),
        {"cut_after_s": 2},
    ),
    "skew": Action(
        "sets the venue's clock apart from its timers and the machine",
        _skew,
        (
            Field(
                "ms", Kind.NUMBER, "how far it is ahead; 0 ends it", required=True, low=-600_000, high=600_000
            ),
        ),
        {"ms": 2000},
    ),
    "ban": Action(
        "every address is refused with 418 on REST and WebSocket API, whose connections end",
        _ban,
        (Field("seconds", Kind.NUMBER, "how long; 0 lifts it", default=120.0, low=0, high=259_200),),
        {"seconds": 1},
    ),
}

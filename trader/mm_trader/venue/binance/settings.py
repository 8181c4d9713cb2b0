"""Timings and bounds of the gateway, each with its reason. What the venue states about itself (limits, filters, fees) is not here: it is read."""

from __future__ import annotations

import msgspec


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds unless the name says otherwise."""

    reply_timeout_s: float = 5.0
    """A command without an answer for this long is Unknown; the kernel may judge earlier."""
    rest_timeout_s: float = 10.0
    """The venue's own engine gives up after 10 s."""
    connect_timeout_s: float = 10.0
    write_timeout_s: float = 1.0
    """A write that blocks longer means that the peer does not read: the connection is given up."""
    market_silence_s: float = 3.0
    """No frame of the market for this long: the connection is probed. Ten depth differences a second are usual; quotes rest on them."""
    orders_silence_s: float = 10.0
    """The same for the order connection, on which nothing comes unasked but the venue's pings."""
    user_silence_s: float = 10.0
    """The same for user data: silent as long as nothing of ours happens."""
    trades_silence_s: float = 10.0
    """The same where trades have a connection of their own (futures): nobody may trade for a while."""
    probe_timeout_s: float = 3.0
    """No answer to the probe for this long: the connection is given up."""
    renew_after_s: float = 23 * 3600.0
    """The venue cuts at 24 h; a replacement is connected before."""
    linger_s: float = 5.0
    """How long a replaced connection is read on: answers to what was sent through it."""
    backoff_first_s: float = 0.1
    backoff_max_s: float = 10.0
    """300 connects per 5 minutes and address are allowed; three connections at this pace stay far below."""
    stable_after_s: float = 10.0
    """A connection that lived this long resets the back-off."""
    listen_key_refresh_s: float = 1800.0
    """Futures: a listen key lives an hour."""
    clock_samples: int = 5
    clock_interval_s: float = 600.0
    clock_look_s: float = 5.0
    clock_doubt_ms: float = 500.0
    """A clock that differs from the venue's by this, or has just jumped by it, is measured at every look, and not only at each interval."""
    clock_resync_min_s: float = 1.0
    """Refusals for the clock come in bursts; one measurement answers them all."""
    clock_grace_s: float = 1.0
    """A refusal for the clock that comes later than this after a measurement was not sent before it: the clock cannot be trusted."""
    clock_patience_s: float = 600.0
    """A second refusal within this time of a measurement halts; one after it begins anew."""
    rules_interval_s: float = 60.0
    """exchangeInfo is read again: a halt, a break or cancel-only is announced nowhere else."""
    rules_pause_s: float = 1.0
    """At least, between two looks."""
    fees_interval_s: float = 3600.0
    reset_checks: int = 3
    reset_pause_s: float = 1.0
    """Between two questions about an order that must be known: the venue's readers may lag behind its engine."""
    reset_evidence_s: float = 2 * 86_400.0
    """An order that the venue showed longer ago proves nothing by being unknown: futures forget orders that ended without a fill after three days."""
    cancel_share: float = 0.25
    """Part of each weight limit that only cancels may use."""
    throttle_default_s: float = 5.0
    """Pause after a 429 that names no time."""
    ban_default_s: float = 120.0
    """Stop after a 418 that names no time: the venue's shortest ban."""
    max_queued: int = 512
    """Commands of a kind that wait to be written; beyond, they are dropped and said to be."""
    max_queries: int = 256
    parallel_queries: int = 4
    parallel_cancels: int = 16
    depth_limit: int = 1000
    depth_retry_s: float = 0.5
    trades_page: int = 1000
    max_trade_pages: int = 50
    sweep_pause_s: float = 0.05
    """Between two looks at the open orders while sweeping."""
    sweep_timeout_s: float = 10.0
    """For CancelAllOwn as a command."""
    start_timeout_s: float = 15.0
    """How long start() waits for the connections before it leaves them to their own retries."""

    def silence_s(self, stream: str) -> float:
        """Of a stream by its name."""
        return {
            "market": self.market_silence_s,
            "orders": self.orders_silence_s,
            "user": self.user_silence_s,
            "trades": self.trades_silence_s,
        }[stream]

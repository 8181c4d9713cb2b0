"""The list. Each item is one question with its answer; they run in this order, on one trader, and leave it as they found it: quoting."""

from __future__ import annotations

from mm_trader.shell.check import faults, measures, starting
from mm_trader.shell.check.item import Item

ITEMS: tuple[Item, ...] = (
    Item("start-up", "the trader starts and quotes", starting.starts),
    Item("start-up", "connections and clock", starting.connected),
    Item("start-up", "probes, and the token", starting.probes),
    Item("start-up", "risk controls have proved themselves", starting.self_test),
    Item("function", "reconcile on command", starting.reconciles),
    Item("function", "pause and resume", starting.pauses),
    Item("function", "fills are booked", starting.fills),
    Item("function", "hot reload", starting.reloads),
    Item("performance", "order latency", measures.ack_latency),
    Item("performance", "kernel latency", measures.kernel_latency),
    Item("performance", "memory, processor, collector", measures.resources),
    Item("fault", "disconnect", faults.disconnects, faulty=True),
    Item("fault", "time-out", faults.times_out, faulty=True),
    Item("fault", "breaker", faults.breaks, faulty=True),
    Item("fault", "emergency stop", faults.stops_in_emergency),
    Item("fault", "data recovery after a kill", faults.recovers),
    Item("monitoring", "metrics", measures.has_metrics),
    Item("monitoring", "logs", measures.logs),
    Item("monitoring", "alerts", measures.alerts),
    Item("monitoring", "profiles", measures.profiles),
    Item("monitoring", "summaries", measures.summaries),
    Item("end", "an orderly stop", faults.leaves),
    Item("end", "the recording is replayed", faults.replays),
)

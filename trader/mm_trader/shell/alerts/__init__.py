"""Tells people and the operator. `hub` receives and never waits; `route` decides what goes where; `outlet` delivers behind the trader's back; `senders` speak.

Two ways are always there and are not configured: the log, one line for each alert, and the alert stream in the store."""

from mm_trader.shell.alerts.hub import Alerts, Channel, log_channel, warning

__all__ = ["Alerts", "Channel", "log_channel", "warning"]

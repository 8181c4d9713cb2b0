"""The reaction table as text for docs/venue-binance.md, from the one table in `reactions`. A test holds the page to it."""

from __future__ import annotations

from mm_trader.venue.binance.reactions import TABLE, Row, Step

STEPS = {
    Step.NONE: "",
    Step.PAUSE: "no places and queries for Retry-After (REST seconds, WebSocket API epoch ms); cancels go on, and wait 1 s once one is itself refused",
    Step.BAN: "sends nothing at all for Retry-After; order socket down; `VenueTrouble` banned: halt",
    Step.RESYNC: "measures the clock offset again; refused once more after that: `VenueTrouble` clock: halt",
    Step.REREAD: "reads the symbols' status again",
}


def table() -> str:
    """Markdown table, in the order in which it is read."""
    lines = [
        "| status | code | text | class | why | the gateway also |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in TABLE),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    codes = ", ".join(str(code) for code in sorted(row.codes or (), reverse=True)) or "any"
    text = f'"{row.text}"' if row.text else ""
    return (
        f"| {_statuses(row.statuses)} | {codes} | {text} | {row.error.name} | {row.why} | {STEPS[row.step]} |"
    )


def _statuses(statuses: range | None) -> str:
    if statuses is None:
        return "any"
    return str(statuses.start) if len(statuses) == 1 else f"{statuses.start} to {statuses.stop - 1}"

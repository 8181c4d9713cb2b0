"""The demo in plain lines: for pipes, logs and terminals without colour."""

from __future__ import annotations

from decimal import Decimal

from mm_trader.shell.demo.snapshot import Snapshot, SymbolLine


def money(amount: Decimal) -> str:
    """A quote amount with its sign."""
    return f"{amount:+,.2f}"


def price(value: Decimal | None) -> str:
    """A price, or a dash."""
    return "-" if value is None else f"{value:f}"


def plain_line(snapshot: Snapshot) -> str:
    """One line for one moment."""
    why = f" ({snapshot.reason})" if snapshot.reason else ""
    halts = f"  HALTED BY {', '.join(snapshot.halts)}" if snapshot.halts else ""
    return (
        f"{snapshot.seconds:6.1f}s  {snapshot.phase}{why}  risk {snapshot.risk}  "
        + "  ".join(_symbol(line) for line in snapshot.symbols)
        + f"  fills {snapshot.fill_count}  PnL {money(snapshot.net_day)}{halts}"
    )


def _symbol(line: SymbolLine) -> str:
    return f"{line.symbol} {price(line.bid)} / {price(line.ask)} pos {line.position.normalize():f}"


def summary(snapshot: Snapshot, preset: str, zero: bool) -> str:
    """The end."""
    left = "nothing is open at the venue" if zero else "ORDERS MAY BE OPEN AT THE VENUE"
    return (
        f"\n{snapshot.seconds:.0f} s of a {preset} market: {snapshot.orders_placed} orders, {snapshot.fill_count} fills, "
        f"volume {snapshot.volume:,.0f}, net PnL {money(snapshot.net_day)} "
        f"(realised {money(snapshot.realised)}, open {money(snapshot.unrealised)}, fees {money(-snapshot.fees)}); {left}.\n"
        "Try next: mm-trader demo --market toxic, or docs/trader.md for one trader against a venue of its own.\n"
    )

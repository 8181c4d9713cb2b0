"""The demo on a terminal: a screen that is drawn again four times a second. `rich` is imported here and nowhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mm_trader.shell.demo.snapshot import Snapshot
from mm_trader.shell.demo.text import money, price

RISK_COLOURS = {"Normal": "green", "Cautious": "yellow", "ReduceOnly": "dark_orange", "Halted": "red"}


class LiveView:
    """`with LiveView(hint) as view: view.show(snapshot)`."""

    def __init__(self, hint: str) -> None:
        self._hint = hint
        self._live = Live(auto_refresh=False, screen=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, snapshot: Snapshot) -> None:
        """Draw."""
        self._live.update(self._draw(snapshot), refresh=True)

    def _draw(self, snapshot: Snapshot) -> Panel:
        return Panel(
            Group(
                _head(snapshot),
                _quotes(snapshot),
                _money(snapshot),
                _fills(snapshot),
                Text(self._hint, style="dim"),
                Text("Ctrl-C ends it", style="dim"),
            ),
            title="mm-trader demo",
            border_style=RISK_COLOURS.get(snapshot.risk, "white"),
        )


def _head(snapshot: Snapshot) -> Text:
    text = Text()
    text.append(f"{snapshot.phase} ", style="bold")
    if snapshot.reason:
        text.append(f"({snapshot.reason}) ")
    text.append("  risk ")
    text.append(snapshot.risk, style=RISK_COLOURS.get(snapshot.risk, "white"))
    text.append(
        f"   {snapshot.seconds:.0f} s   capital {snapshot.capital:,}   {snapshot.open_orders} orders open"
    )
    if snapshot.halts:
        text.append(f"\nhalted by {', '.join(snapshot.halts)}", style="bold red")
    return text


def _quotes(snapshot: Snapshot) -> Table:
    table = Table(expand=True, box=None, header_style="dim")
    for name in ("symbol", "own bid", "mid", "own ask", "spread bp", "position", "vol bp/√s"):
        table.add_column(name, justify="left" if name == "symbol" else "right")
    for line in snapshot.symbols:
        spread = "-" if line.spread_bp is None else f"{line.spread_bp:.2f}"
        colour = "green" if line.position > 0 else "red" if line.position < 0 else "white"
        table.add_row(
            line.symbol,
            Text(price(line.bid), style="green"),
            price(line.mid),
            Text(price(line.ask), style="red"),
            spread,
            Text(f"{line.position.normalize():f}", style=colour),
            f"{line.volatility * 10_000:.2f}",
        )
    return table


def _money(snapshot: Snapshot) -> Text:
    colour = "green" if snapshot.net_day >= 0 else "red"
    text = Text("net PnL ")
    text.append(money(snapshot.net_day), style=f"bold {colour}")
    text.append(
        f"   realised {money(snapshot.realised)}   open {money(snapshot.unrealised)}   fees {money(-snapshot.fees)}"
        f"   drawdown {snapshot.drawdown:.4%}   volume {snapshot.volume:,.0f}   {snapshot.orders_placed} orders"
        f"   {snapshot.kernel_us:.0f} µs an event"
    )
    return text


def _fills(snapshot: Snapshot) -> Table:
    table = Table(expand=True, box=None, header_style="dim", title=f"last of {snapshot.fill_count} fills")
    for name in ("symbol", "side", "price", "quantity", "", "order"):
        table.add_column(name, justify="right" if name in ("price", "quantity") else "left")
    for fill in reversed(snapshot.fills):
        table.add_row(
            fill.symbol,
            Text(fill.side, style="green" if fill.side == "BUY" else "red"),
            f"{fill.price:f}",
            f"{fill.quantity:f}",
            "maker" if fill.maker else "taker",
            fill.client_id,
        )
    return table

"""Orders in symbols that the config does not name any more: the process before may have been killed while they rested, and this one quotes other symbols.

Nobody else would look after them. The sweep before the first quote takes their symbols with it, and then they are forgotten; what they traded is read from
the venue when the symbol is configured again, as its ledger says up to where it has booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mm_api.redis_contract import OrderRecord
from mm_trader.core.clock import Clock
from mm_trader.shell.alerts import Alerts, warning
from mm_trader.shell.flatten import Flattener
from mm_trader.shell.journal import Journal
from mm_trader.shell.writer import Writer


class LeftBehind:
    """Between journal, store and sweep."""

    def __init__(
        self,
        symbols: Iterable[str],
        journal: Journal,
        writer: Writer,
        flattener: Flattener,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        """`symbols`: those that are configured."""
        self._symbols = frozenset(symbols)
        self._journal = journal
        self._writer = writer
        self._flattener = flattener
        self._alerts = alerts
        self._clock = clock
        self._orders: dict[str, OrderRecord] = {}

    def find(self, stored: Sequence[OrderRecord]) -> list[OrderRecord]:
        """Those that were, or may have been, open, by journal and store; the next sweep takes their symbols, too."""
        remembered = (*stored, *self._journal.state.orders)
        self._orders = {
            record.client_id: record for record in remembered if record.symbol not in self._symbols
        }
        symbols = sorted({record.symbol for record in self._orders.values()})
        self._flattener.include(symbols)
        if symbols:
            message = (
                f"{len(self._orders)} orders of an earlier config may be open in {', '.join(symbols)}: "
                "they are cancelled before anything is quoted"
            )
            self._alerts.send(warning(self._clock, "OrdersLeftBehind", message))
        return list(self._orders.values())

    def swept(self) -> None:
        """The venue has shown that nothing of them is open. Raises OSError: the journal cannot be written."""
        for record in self._orders.values():
            self._journal.order(record, closed=True, cause="swept, symbol not configured")
            self._writer.order(record, closed=True)
        self._orders = {}
        self._flattener.include(())

"""The simulator's side of the story: its journal of what every account did, and the move of the price."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from kube import Kube, Object
from watch import ExpectationError

SERVICE = "mm-simulator:9180"


@dataclass(frozen=True)
class Entry:
    """One line of the venue's journal."""

    seq: int
    at: float
    """Wall time at the venue, seconds."""
    kind: str
    symbol: str
    open_orders: int
    """Open orders of the account after this."""


class Venue:
    """The simulator in the demo's namespace, made before anybody has traded."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._began = self._holdings()
        self._before: dict[str, float] = {}

    def journal(self, account: str, after: int = 0) -> list[Entry]:
        """The account's entries behind number `after`, oldest first."""
        found: list[Entry] = []
        while True:
            page = json.loads(self._kube.service(f"{SERVICE}/admin/journal?since={after}&limit=5000"))
            entries: list[Object] = page["entries"]
            if not entries:
                return found
            after = entries[-1]["seq"]
            found += [
                Entry(
                    item["seq"],
                    item["timeNs"] / 1e9,
                    item["kind"],
                    item.get("symbol", ""),
                    item["openOrders"],
                )
                for item in entries
                if item["account"] == account and "openOrders" in item
            ]

    def end_of(self, account: str) -> int:
        """Number of the account's newest entry."""
        return max((entry.seq for entry in self.journal(account)), default=0)

    def open_orders(self, account: str) -> int:
        """How many orders of the account rest now."""
        entries = self.journal(account)
        return entries[-1].open_orders if entries else 0

    def position(self, account: str, asset: str) -> float:
        """What the account holds of an asset beyond what it began with."""
        held = self._holdings()[account].get(asset, 0.0)
        return held - self._began[account].get(asset, 0.0)

    def _holdings(self) -> dict[str, dict[str, float]]:
        """Balances by account and asset, locked ones included."""
        accounts: Object = json.loads(self._kube.service(f"{SERVICE}/admin/state"))["accounts"]
        return {
            name: {asset: float(b["free"]) + float(b["locked"]) for asset, b in account["balances"].items()}
            for name, account in accounts.items()
        }

    def move(self, symbol: str, by_bp: float) -> None:
        """Move the fair price of a symbol by basis points at once: news that everybody sees."""
        answer = self._kube.service(f"{SERVICE}/admin/price", {"symbol": symbol, "by_bp": by_bp}, shown=True)
        self._before[symbol] = float(json.loads(answer)["before"])

    def restore(self, symbol: str) -> None:
        """Bring the price back to where it was before `move`."""
        body = {"symbol": symbol, "to": round(self._before[symbol], 2)}
        self._kube.service(f"{SERVICE}/admin/price", body, shown=True)

    def none_open_since(self, account: str, after: int, within_s: float) -> Entry:
        """The entry with which the account's last open order went, and no order came after it. Raises ExpectationError."""
        ends = time.monotonic() + within_s
        while True:
            entries = self.journal(account, after)
            if entries and entries[-1].open_orders == 0:
                last_open = max(
                    (number for number, item in enumerate(entries) if item.open_orders), default=-1
                )
                return entries[min(last_open + 1, len(entries) - 1)]
            if time.monotonic() > ends:
                left = entries[-1].open_orders if entries else "unknown"
                raise ExpectationError(f"open orders at the venue are still {left} after {within_s:.0f} s")
            time.sleep(0.2)

    def quoting_since(self, account: str, after: int, within_s: float) -> Entry:
        """The first order that the account placed behind entry `after`. Raises ExpectationError."""
        ends = time.monotonic() + within_s
        while True:
            placed = [entry for entry in self.journal(account, after) if entry.kind == "place"]
            if placed:
                return placed[0]
            if time.monotonic() > ends:
                raise ExpectationError(f"no new order at the venue within {within_s:.0f} s")
            time.sleep(0.2)

"""A venue of a scenario's own: one simulator pod with its accounts, and what a test may ask of it.

Both views are the venue's own, not the trader's. `open_orders` is what rests in its books. The journal is the simulator's audit log of
every order that was placed, refused, filled or cancelled: what a trader really did, in the venue's order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from e2e.kit.api import Object, Refused
from e2e.kit.cluster import Cluster
from e2e.kit.deadline import eventually
from e2e.kit.objects import secret, venue_account

PORT = 9180
BALANCES = "ETH=100,BTC=5,USDC=500000"
QUOTE = "USDC"


@dataclass(frozen=True)
class Entry:
    """One line of the venue's journal."""

    seq: int
    time: float
    """Wall time at the venue, seconds."""
    kind: str
    account: str
    symbol: str
    client_id: str
    side: str
    open_orders: int

    @property
    def token(self) -> tuple[int, int]:
        """(epoch, counter) of the incarnation that placed the order: part of its client id."""
        return token_of(self.client_id)


def token_of(client_id: str) -> tuple[int, int]:
    """(epoch, counter) in a client id `mm…-EPOCH-COUNTER-SEQUENCE`, base 36."""
    _, epoch, counter, _ = client_id.split("-")
    return int(epoch, 36), int(counter, 36)


class Venue:
    """A simulator in the cluster."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, market: str, labels: dict[str, str]
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.name = name
        self._market = market
        self._labels = labels
        self._keys: dict[str, tuple[str, str]] = {}

    def open_account(self, name: str) -> None:
        """An account that the simulator will have when it starts."""
        digest = hashlib.sha256(f"{self.name}/{name}".encode()).hexdigest()
        self._keys[name] = (f"K{digest[:40]}", f"S{digest[20:60]}")

    def secret_name(self, account: str) -> str:
        """The Secret with the account's keys."""
        return f"{self.name}-{account}"

    def secret(self, account: str) -> Object:
        """The Secret's manifest."""
        return self._labelled(secret(self.secret_name(account), *self._keys[account]))

    def account_object(self, account: str, ceiling: str = "50000") -> Object:
        """The VenueAccount's manifest; it has the Secret's name."""
        host = f"{self.name}.{self._namespace}.svc"
        name = self.secret_name(account)
        return self._labelled(venue_account(name, host=host, port=PORT, secret=name, ceiling=ceiling))

    def _labelled(self, manifest: Object) -> Object:
        manifest["metadata"] |= {"namespace": self._namespace, "labels": dict(self._labels)}
        return manifest

    def manifests(self, symbols: Sequence[str]) -> list[Object]:
        """Deployment and Service of the simulator."""
        arguments = [
            "--host=0.0.0.0",
            f"--port={PORT}",
            f"--symbols={','.join(symbols)}",
            f"--market={self._market}",
        ]
        arguments += [f"--account={name}:{key}:{keep}:{BALANCES}" for name, (key, keep) in self._keys.items()]
        selector = {"mm-e2e-venue": self.name}
        container = {
            "name": "simulator",
            "image": self._cluster.images.product,
            "imagePullPolicy": "IfNotPresent",
            "command": ["mm-trader", "simulate"],
            "args": arguments,
            "ports": [{"containerPort": PORT}],
            "readinessProbe": {"httpGet": {"path": "/api/v3/ping", "port": PORT}, "periodSeconds": 1},
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        }
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": selector},
                "template": {
                    "metadata": {"labels": {**selector, **self._labels}},
                    "spec": {
                        "automountServiceAccountToken": False,
                        "enableServiceLinks": False,
                        "terminationGracePeriodSeconds": 1,
                        "containers": [container],
                    },
                },
            },
        }
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.name},
            "spec": {"selector": selector, "ports": [{"port": PORT}]},
        }
        return [self._labelled(deployment), self._labelled(service)]

    def wait_until_up(self) -> None:
        """Until the simulator answers."""

        def answers() -> bool:
            try:
                self._ask("GET", "/api/v3/ping")
            except Refused:
                return False
            return True

        eventually(f"venue {self.name} answers", answers, within=60)

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        return self._cluster.api.through(
            self._namespace, self.name, PORT, method, path, body, query=query, headers=headers
        )

    def open_orders(self, account: str) -> list[Object]:
        """What rests at the venue now, from its own books: the account's rate limits are left to the trader."""
        state = json.loads(self._ask("GET", "/admin/state"))
        found: list[Object] = state["accounts"][account]["openOrders"]
        return found

    def journal(self, account: str, after: int = 0) -> list[Entry]:
        """The account's journal, oldest first."""
        entries: list[Object] = []
        while True:
            page = json.loads(
                self._ask("GET", "/admin/journal", query={"since": str(after), "limit": "5000"})
            )
            entries += page["entries"]
            if not page["entries"]:
                break
            after = page["entries"][-1]["seq"]
        return [
            Entry(
                seq=item["seq"],
                time=item["timeNs"] / 1e9,
                kind=item["kind"],
                account=item["account"],
                symbol=item.get("symbol", ""),
                client_id=item.get("clientOrderId", ""),
                side=item.get("side", ""),
                open_orders=item.get("openOrders", -1),
            )
            for item in entries
            if item["account"] == account
        ]

    def position_value(self, account: str, symbol: str) -> float:
        """What the account has bought (sold: negative) since it was opened, in quote currency at the bid."""
        state = json.loads(self._ask("GET", "/admin/state"))
        asset = symbol.removesuffix(QUOTE)
        balance = state["accounts"][account]["balances"][asset]
        opened = dict(part.split("=") for part in BALANCES.split(","))[asset]
        held = float(balance["free"]) + float(balance["locked"]) - float(opened)
        return held * float(state["symbols"][symbol]["bid"])

    def mark(self) -> int:
        """Where the journal ends now: `journal(account, after=mark)` begins behind it."""
        return int(json.loads(self._ask("GET", "/admin/state"))["journalSeq"])

    def move_price(self, symbol: str, percent: float) -> float:
        """Move the market at once. Returns the venue's wall time of the move, in seconds."""
        answer = json.loads(self._ask("POST", "/admin/price", {"symbol": symbol, "by_bp": percent * 100}))
        return float(answer["timeNs"]) / 1e9

    def mid_price(self, symbol: str) -> float:
        """Middle of the best bid and ask."""
        state = json.loads(self._ask("GET", "/admin/state"))["symbols"][symbol]
        return (float(state["bid"]) + float(state["ask"])) / 2

    def set_price(self, symbol: str, price: float) -> None:
        """Move the market at once to a price, such as one that it had before."""
        self._ask("POST", "/admin/price", {"symbol": symbol, "to": round(price, 2)})


def second_writers(entries: Iterable[Entry]) -> list[str]:
    """Orders that were accepted from an incarnation after a newer one had begun: there must be none."""
    newest = (-1, -1)
    found = []
    for entry in entries:
        if entry.kind == "place":
            if entry.token < newest:
                found.append(f"{entry.client_id} (seq {entry.seq}) after {newest}")
            newest = max(newest, entry.token)
    return found


def repeated_orders(entries: Iterable[Entry]) -> list[str]:
    """Client ids that were placed more than once: there must be none."""
    seen: set[str] = set()
    found = []
    for entry in entries:
        if entry.kind == "place":
            if entry.client_id in seen:
                found.append(entry.client_id)
            seen.add(entry.client_id)
    return found


def crowded_sides(orders: Iterable[Object], at_most: int = 1) -> list[str]:
    """Sides of a symbol on which more orders rest than the strategy ever wants: there must be none."""
    counts: dict[str, int] = {}
    for order in orders:
        side = f"{order['symbol']} {order['side']}"
        counts[side] = counts.get(side, 0) + 1
    return [f"{side}: {count}" for side, count in counts.items() if count > at_most]

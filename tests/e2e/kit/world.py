"""What one scenario has made, how to look at it, and how it is taken away again.

All names of a scenario carry its tag, all objects its label: scenarios run side by side in one namespace, and a crashed run's
leftovers are found by the label and removed at the start of the next.
"""

from __future__ import annotations

import secrets
from typing import Any

from e2e.kit.api import Object
from e2e.kit.cluster import Cluster, name_from, pretty
from e2e.kit.deadline import eventually
from e2e.kit.installation import Installation, log_lines, now_rfc3339
from e2e.kit.objects import ETH, market_maker
from e2e.kit.toolbox import Toolbox
from e2e.kit.venue import Venue

LABEL = "mm-e2e-scenario"
_OTHER_KINDS = (
    "tradinghalts",
    "stageapprovals",
    "stagerecords",
    "venueaccounts",
    "deployments",
    "services",
    "secrets",
)


class Maker:
    """A MarketMaker of the scenario: its manifest, and the object in the cluster."""

    def __init__(self, world: World, manifest: Object) -> None:
        self.world = world
        self.manifest = manifest
        self.name: str = manifest["metadata"]["name"]

    def object(self) -> Object:
        """The object as it is now."""
        return self.world.api.get("marketmakers", self.world.namespace, self.name)

    def status(self) -> Object:
        """Its status; empty before the operator has written one."""
        found: Object = self.object().get("status") or {}
        return found

    def condition(self, kind: str) -> Object:
        """One condition; empty if it is not there."""
        found: list[Object] = [item for item in self.status().get("conditions", []) if item["type"] == kind]
        return found[0] if found else {}

    def halts(self, source: str = "") -> list[Object]:
        """What stops it, from the status; of one source only where one is given."""
        return [halt for halt in self.status().get("halts", []) if source in ("", halt["source"])]

    def pods(self) -> list[Object]:
        """Its pods, those on their way out included."""
        return self.world.api.list("pods", self.world.namespace, f"mm-rebuild.io/marketmaker={self.name}")

    def pod(self) -> Object:
        """Its one pod that is not on its way out."""
        alive = [pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]]
        assert len(alive) == 1, f"{self.name} has {len(alive)} pods"
        return alive[0]

    def records(self) -> list[Object]:
        """Its StageRecords, in the order in which they ended."""
        found = self.world.api.list("stagerecords", self.world.namespace)
        mine = [record for record in found if record["spec"]["marketMaker"] == self.name]
        return sorted(mine, key=lambda record: str(record["spec"]["endedAt"]))


class World:
    """One scenario's part of the cluster."""

    def __init__(self, cluster: Cluster, installation: Installation, title: str) -> None:
        self.cluster = cluster
        self.api = cluster.api
        self.installation = installation
        self.namespace = installation.namespace
        self.title = title
        self.tag = f"{name_from(title, 14)}-{secrets.token_hex(2)}"
        self.labels = {LABEL: self.tag}
        self.toolbox = Toolbox(cluster, self.namespace)
        self.venue: Venue | None = None
        self.makers: list[Maker] = []
        self.began = now_rfc3339()
        self.expected_errors: list[str] = []
        """Words in operator errors that this scenario provokes on purpose."""
        self.figures: list[str] = []
        """Times that were measured, for the report."""

    def market(self) -> Venue:
        """The scenario's venue."""
        assert self.venue is not None, "the scenario has no venue yet"
        return self.venue

    def add_venue(self, market: str, accounts: tuple[str, ...], symbols: tuple[str, ...]) -> Venue:
        """Start a simulator with these accounts and make their Secrets and VenueAccounts."""
        venue = Venue(self.cluster, self.namespace, f"{self.tag}-v", market, self.labels)
        for account in accounts:
            venue.open_account(account)
        manifests = venue.manifests(symbols)
        for account in accounts:
            manifests += [venue.secret(account), venue.account_object(account)]
        self.cluster.apply(*manifests)
        self.venue = venue
        venue.wait_until_up()
        return venue

    def add_maker(self, name: str, stages: list[Object], **spec: Any) -> Maker:
        """Declare a MarketMaker; accounts in `stages` are named as the scenario names them."""
        full = f"{self.tag}-{name}"
        manifest = market_maker(full, stages, **spec)
        for stage in manifest["spec"]["rollout"]["stages"]:
            account = stage["accountRef"]["name"]
            stage["accountRef"] = {"name": self.venue.secret_name(account) if self.venue else account}
        manifest["metadata"]["namespace"] = self.namespace
        manifest["metadata"]["labels"] = {**manifest["metadata"]["labels"], **self.labels}
        maker = Maker(self, manifest)
        self.makers.append(maker)
        return maker

    def account_of(self, maker: Maker) -> str:
        """The scenario's name of the account that the MarketMaker runs on now."""
        status = maker.status()
        run = status.get("run") or {}
        if run.get("phase") == "Failed":
            run = status.get("stable") or status.get("fallback") or run
        account = str(run.get("account", ""))
        return account.removeprefix(f"{self.market().name}-")

    def identity(self, account: str) -> str:
        """Trading identity of an account, as docs/redis-contract.md forms keys with it."""
        return f"simulator.{self.namespace}.{self.market().secret_name(account)}"

    def is_quoting(self, account: str, symbols: tuple[str, ...] = (ETH,), *, both_sides: bool = True) -> bool:
        """Whether a bid and an ask (or, of a maker whose inventory may be full, either) rest at the venue for each symbol."""
        sides = {(order["symbol"], order["side"]) for order in self.market().open_orders(account)}
        enough = all if both_sides else any
        return all(enough((symbol, side) in sides for side in ("BUY", "SELL")) for symbol in symbols)

    # --- the end ----------------------------------------------------------------------------------
    def clean_up(self) -> None:
        """Remove everything: MarketMakers first, while their venue and accounts still answer."""
        selector = f"{LABEL}={self.tag}"
        remove(self.cluster, self.namespace, selector)

    def unexpected_errors(self) -> list[str]:
        """Lines of the operator's log since the scenario began that speak of a defect.

        Tracebacks always count. Error lines count when they are about this scenario's objects or about none:
        scenarios beside it may provoke errors of their own.
        """
        found = []
        for line in log_lines(self.installation.operator_log(self.began)):
            text = str(line.get("raw", line))
            if "Traceback" in text or str(line.get("exception", "")):
                found.append(text)
            elif str(line.get("level", "")).lower() in ("error", "critical"):
                about = str(line.get("marketmaker", ""))
                if about in ("", *(maker.name for maker in self.makers)):
                    found.append(text)
        return [text for text in found if not any(word in text for word in self.expected_errors)]

    def describe(self) -> str:
        """Everything that helps to understand a failure."""
        parts = []
        for resource in ("marketmakers", "venueaccounts", "stagerecords"):
            mine = [
                item
                for item in self.api.list(resource, self.namespace)
                if self.tag in item["metadata"]["name"]
            ]
            parts += [f"--- {resource}\n{pretty(item)}" for item in mine]
        parts.append(self.cluster.kubectl("get", "pods", "-n", self.namespace, "-o", "wide"))
        parts.append(
            "\n".join(line for line in self.cluster.events(self.namespace).splitlines() if self.tag in line)
        )
        for maker in self.makers:
            for pod in maker.pods():
                name = pod["metadata"]["name"]
                parts.append(f"--- log of {name}\n{self.cluster.logs(self.namespace, name, tail=80)}")
        parts.append(f"--- log of the operator\n{self.installation.operator_log(self.began)[-12000:]}")
        return "\n".join(parts)


def remove(cluster: Cluster, namespace: str, selector: str) -> None:
    """Delete all objects of the tests that the selector finds, in the order in which they depend on each other."""
    which = ("-n", namespace, "-l", selector, "--wait=false", "--ignore-not-found")
    cluster.kubectl("delete", "marketmakers", *which)
    eventually(
        f"MarketMakers of {selector} gone",
        lambda: [item["metadata"]["name"] for item in cluster.api.list("marketmakers", namespace, selector)],
        until=lambda left: not left,
        within=60,
    )
    cluster.kubectl("delete", ",".join(_OTHER_KINDS), *which)

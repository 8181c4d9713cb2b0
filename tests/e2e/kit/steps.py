"""The words of the scenarios: Given makes, When acts, Then looks. Each is one sentence; how it is done is in the modules below.

eth = given.a_market_maker("eth", [stage("paper", "paper")])
when.applied(eth)
then.it(eth).reaches("Live", within=60)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from e2e.kit.api import Object, Watch
from e2e.kit.checks import MakerChecks
from e2e.kit.deadline import eventually
from e2e.kit.installation import OPERATOR, REDIS, WEBHOOK_PORT, alive, is_ready
from e2e.kit.objects import BTC, ETH, stage, trading_halt
from e2e.kit.store import Store
from e2e.kit.venue import Venue
from e2e.kit.world import Maker, World

CALM = "seeded:7:calm"
LOSS_MARGIN = 1.5
"""By how much a move exceeds the loss limit: what the trader has earned that day counts against its loss."""


class Given:
    """What is there at the start."""

    def __init__(self, world: World) -> None:
        self._world = world

    def a_venue(self, *accounts: str, market: str = CALM, symbols: tuple[str, ...] = (ETH, BTC)) -> Venue:
        """A simulator of the scenario's own, with these accounts and a VenueAccount for each."""
        return self._world.add_venue(market, accounts or ("paper",), symbols)

    def a_market_maker(self, name: str, stages: Sequence[Object], **spec: Any) -> Maker:
        """A manifest that is not yet applied."""
        return self._world.add_maker(name, list(stages), **spec)

    def a_live_market_maker(
        self, name: str = "eth", account: str = "paper", symbol: str = ETH, **spec: Any
    ) -> Maker:
        """A MarketMaker of one short stage that has passed it and quotes."""
        only = stage("only", account, soak="1s", gates=[], symbols=[symbol])
        maker = self.a_market_maker(name, [only], **spec)
        self._world.cluster.apply(maker.manifest)
        checks = MakerChecks(self._world, maker)
        checks.reaches("Live", within=90)
        checks.quotes(symbols=(symbol,), within=20)
        return maker

    def an_operator_error_that_says(self, words: str) -> None:
        """Errors with these words are part of the scenario."""
        self._world.expected_errors.append(words)


@dataclass(frozen=True)
class Move:
    """A move of the price: the venue's wall time of it, and where the venue's journal ended before."""

    wall: float
    journal: int


class When:
    """What happens."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._api = world.api
        self._namespace = world.namespace

    # --- a person ---------------------------------------------------------------------------------
    def applied(self, *makers: Maker) -> None:
        """`kubectl apply`."""
        self._world.cluster.apply(*(maker.manifest for maker in makers))

    def edited(self, maker: Maker, spec: Object) -> None:
        """A change of spec fields (merge patch)."""
        self._api.patch("marketmakers", self._namespace, maker.name, {"spec": spec})

    def acknowledged(self, maker: Maker, halt_id: str) -> None:
        """`kubectl patch mm … acknowledgeHalt`."""
        self._world.cluster.kubectl(
            *("patch", "mm", "-n", self._namespace, maker.name, "--type=merge"),
            *("-p", f'{{"spec":{{"acknowledgeHalt":"{halt_id}"}}}}'),
        )

    def deleted(self, maker: Maker) -> None:
        """`kubectl delete mm`, without waiting."""
        self._api.delete("marketmakers", self._namespace, maker.name)

    def trading_halted(
        self, reason: str, *, level: str = "Halted", selector: dict[str, str] | None = None
    ) -> str:
        """A TradingHalt for the scenario's MarketMakers. Returns its name."""
        name = f"{self._world.tag}-halt"
        manifest = trading_halt(name, reason=reason, level=level, selector=selector or self._world.labels)
        manifest["metadata"] |= {"namespace": self._namespace, "labels": dict(self._world.labels)}
        self._world.cluster.apply(manifest)
        return name

    def trading_halt_deleted(self, name: str) -> None:
        """`kubectl delete tradinghalt`."""
        self._api.delete("tradinghalts", self._namespace, name)

    def secret_deleted(self, account: str) -> None:
        """The venue keys are not there."""
        self._api.delete("secrets", self._namespace, self._world.market().secret_name(account))

    def secret_created(self, account: str) -> None:
        """The venue keys appear."""
        self._world.cluster.apply(self._world.market().secret(account))

    def a_secret_is_made(self, name: str, **values: str) -> None:
        """A Secret of the scenario's own."""
        metadata = {"name": name, "namespace": self._namespace, "labels": dict(self._world.labels)}
        self._world.cluster.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
        )

    def account_deleted(self, account: str) -> None:
        """The VenueAccount is not there."""
        self._api.delete("venueaccounts", self._namespace, self._world.market().secret_name(account))

    def account_created(self, account: str) -> None:
        """The VenueAccount appears."""
        self._world.cluster.apply(self._world.market().account_object(account))

    def the_ceiling_is_raised(self, account: str, amount: str) -> None:
        """The VenueAccount allows more capital."""
        self._world.cluster.apply(self._world.market().account_object(account, amount))

    def the_chart_is_upgraded(self, *values: str) -> None:
        """`helm upgrade` with further values; returns when all is Ready."""
        self._world.installation.upgrade(*values)

    # --- the market -------------------------------------------------------------------------------
    def the_price_moves_against(self, maker: Maker, percent: float, symbol: str = ETH) -> Move:
        """A move against the position that the trader holds, once that is large enough to breach its loss limit by it.

        The position is the venue's own figure of this instant: what the trader last reported may have turned since.
        """
        market, account = self._world.market(), self._world.account_of(maker)
        least = LOSS_MARGIN * float(maker.manifest["spec"]["risk"]["dailyLossLimit"]) / (percent / 100)
        held = eventually(
            f"{maker.name} holds {symbol} worth {least:g}",
            lambda: market.position_value(account, symbol),
            until=lambda value: abs(value) >= least,
            within=90,
            every=0.1,
        )
        mark = market.mark()
        return Move(market.move_price(symbol, -percent if held > 0 else percent), mark)

    # --- Alertmanager -----------------------------------------------------------------------------
    def alertmanager_posts(self, maker: Maker, alert: str, *, status: str = "firing", starts_at: str) -> None:
        """A notification in Alertmanager's webhook format, with the operator's token."""
        labels = {
            "alertname": alert,
            "namespace": self._namespace,
            "marketmaker": maker.name,
            "severity": "critical",
        }
        item = {
            "status": status,
            "labels": labels,
            "annotations": {"summary": "fired by a test"},
            "startsAt": starts_at,
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": hashlib.sha256(f"{alert}/{maker.name}".encode()).hexdigest()[:16],
        }
        body: Object = {
            "version": "4",
            "status": status,
            "receiver": "mm-rebuild",
            "groupKey": f'{{}}:{{alertname="{alert}"}}',
            "groupLabels": {"alertname": alert},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example",
            "alerts": [item],
        }
        self._world.toolbox.ensure()
        url = f"http://{OPERATOR}.{self._namespace}.svc:{WEBHOOK_PORT}/alerts"
        code, said = self._world.toolbox.post(url, body, self._world.installation.webhook_token())
        assert code == 200, f"the webhook answered {code}: {said}"

    # --- faults -----------------------------------------------------------------------------------
    def the_pod_is_deleted(self, maker: Maker, *, grace: int | None = None) -> Object:
        """The trader's pod is deleted; returns the pod that was."""
        pod = maker.pod()
        self._api.delete("pods", self._namespace, pod["metadata"]["name"], grace=grace)
        return pod

    def the_trader_is_killed(self, maker: Maker) -> None:
        """kill -9 of the trader's process."""
        self._world.toolbox.ensure()
        self._world.toolbox.kill(maker.pod(), "mm-trader")

    def the_operator_is_killed(self) -> None:
        """kill -9 of the operator's process; its pod is kept and kubelet starts the container again."""
        self._world.toolbox.ensure()
        self._world.toolbox.kill(self._world.installation.operator_pod(), "mm-operator")

    def the_operator_is_taken_away(self) -> None:
        """kill -9 of the operator, and no new one. Returns when none of its processes is left."""
        self._world.toolbox.ensure()
        installation = self._world.installation
        pod = installation.operator_pod()
        installation.scale_operator(0)
        # before it is marked for deletion kubelet would start the container again
        eventually(
            "operator ending", installation.operator_pods, until=lambda pods: not alive(pods), within=20
        )
        self._world.toolbox.kill(pod, "mm-operator", at_least=0)
        eventually("operator gone", installation.operator_pods, until=lambda pods: not pods, within=40)

    def the_operator_comes_back(self) -> None:
        """A new operator pod, Ready."""
        self._world.installation.scale_operator(1)
        self._world.installation.wait_for_operator()

    def redis_is_restarted(self) -> None:
        """Redis' pod is deleted without grace; the volume stays. Returns when the new pod is Ready."""
        name = f"{REDIS}-0"
        before = self._api.get("pods", self._namespace, name)["metadata"]["uid"]
        self._api.delete("pods", self._namespace, name, grace=0)

        def back() -> bool:
            pod = self._api.find("pods", self._namespace, name)
            return pod is not None and pod["metadata"]["uid"] != before and is_ready(pod)

        eventually("Redis back", back, within=60)

    # --- watching ---------------------------------------------------------------------------------
    def watching(self, maker: Maker) -> Watch:
        """A watch of the object, to be used with `with`."""
        return self._api.watch("marketmakers", self._namespace, maker.name)


class Then:
    """What must follow."""

    def __init__(self, world: World) -> None:
        self._world = world

    def it(self, maker: Maker) -> MakerChecks:
        """What is to be seen of a MarketMaker."""
        return MakerChecks(self._world, maker)

    def the_operator_is_back(self, *, within: float) -> None:
        """kubelet has started the operator's container again, and it is Ready."""

        def look() -> bool:
            pod = self._world.installation.operator_pod()
            restarts = sum(item["restartCount"] for item in pod["status"].get("containerStatuses", []))
            return restarts > 0 and is_ready(pod)

        eventually("the operator is back", look, within=within)

    def record_is_complete(self, record: Object) -> None:
        """Each gate of the StageRecord has a verdict with what it was based on, and the counters are there."""
        spec = record["spec"]
        assert spec["gates"], record
        for item in spec["gates"]:
            assert item["verdict"] == "Pass", item
            assert item.get("value") is not None, item
            assert item.get("threshold") is not None, item
            assert item.get("windowStart") and item.get("windowEnd"), item
        for counter in ("fills", "netPnl", "quotedMs", "ordersPlaced"):
            assert counter in spec["evidence"], f"{counter} is missing: {spec['evidence']}"
        assert spec["startedAt"] < spec["endedAt"]
        assert spec["marketMakerUid"]

    def nothing_of_it_is_left_in_redis(self, account: str) -> None:
        """No lease is held and no Redis user is left for the account's identity."""
        store = Store(self._world.installation, self._world.identity(account))
        assert store.lease_holder() == ""
        assert not store.has_user()

    def measured(self, what: str, seconds: Sequence[float], at_most: float) -> None:
        """A promised figure: the worst of all repetitions."""
        worst = max(seconds)
        shown = ", ".join(f"{value:.3f}" for value in seconds)
        self._world.figures.append(
            f"{what}: worst {worst:.3f} s of {len(seconds)} ({shown}); must be at most {at_most:g} s"
        )
        assert worst <= at_most, self._world.figures[-1]

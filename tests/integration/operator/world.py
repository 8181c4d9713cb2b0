"""A whole operator's world on a virtual clock: fake API server, real Redis, fake traders, and the operator's own observe, decide and act."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fake_kube import FakeKube
from fake_trader import FakeTraders
from redis.asyncio import Redis

from mm_api.kinds import MarketMakerStatus
from mm_operator.kube.events import EventRecorder
from mm_operator.kube.http_sources import Listing, Reading
from mm_operator.kube.redis_state import RedisState
from mm_operator.metrics import Metrics
from mm_operator.reconcile.context import Context
from mm_operator.reconcile.loop import Key, MarketMakerLoop
from mm_operator.settings import OperatorSettings

NAMESPACE = "trading"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class VirtualClock:
    """Stands still until it is moved."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()


@dataclass
class FakePrometheus:
    """Answers every query with one reading."""

    reading: Reading = field(default_factory=Reading)
    asked: list[str] = field(default_factory=list)

    async def query(self, promql: str) -> Reading:
        self.asked.append(promql)
        return self.reading


@dataclass
class FakeListings:
    """A venue that lists what it is told to."""

    answer: Listing = field(default_factory=lambda: Listing(frozenset({"ETHUSDC", "BTCUSDC"})))

    async def listing(self, rest_url: str) -> Listing:
        return self.answer

    def forget(self, rest_url: str) -> None:
        """Nothing is remembered."""


class World:
    """Drive it with `run`; look at `status`."""

    def __init__(self, redis: Redis, **settings: Any) -> None:
        self.kube, self.redis, self.clock = FakeKube(), redis, VirtualClock()
        self.traders = FakeTraders(self.kube, redis)
        self.prometheus, self.listings = FakePrometheus(), FakeListings()
        self.settings = OperatorSettings(own_namespace="operators", trader_image="trader:1", **settings)
        self.metrics = Metrics()
        self.context = self._context()

    def _context(self) -> Context:
        return Context(
            kube=self.kube,
            redis=RedisState(self.redis),
            events=EventRecorder(self.kube, self.clock),
            prometheus=self.prometheus,  # type: ignore[arg-type]  # stands in for HTTP
            listings=self.listings,  # type: ignore[arg-type]
            clock=self.clock,
            settings=self.settings,
        )

    def restart_operator(self, **settings: Any) -> None:
        """Another process, perhaps with other options: nothing is remembered but what is in the API server and Redis."""
        self.settings = OperatorSettings(**{**self.settings.__dict__, **settings})
        self.context = self._context()

    def account(
        self, name: str, environment: str = "simulator", ceiling: str = "20000", secret: bool = True
    ) -> None:
        spec: dict[str, Any] = {
            "environment": environment,
            "credentialsSecretRef": {"name": f"{name}-keys"},
            "capitalCeiling": {"amount": ceiling, "asset": "USDC"},
        }
        if environment == "simulator":
            spec["endpoints"] = {
                "rest": "http://sim:9180",
                "stream": "ws://sim:9180",
                "wsApi": "ws://sim:9180/ws-api/v3",
            }
        self.kube.put("venueaccounts", _object("VenueAccount", name, spec))
        if secret:
            self.secret(f"{name}-keys")

    def secret(self, name: str) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "data": {},
        }
        self.kube.put("secrets", body)

    def market_maker(self, name: str = "eth-usdc", **changes: Any) -> None:
        spec: dict[str, Any] = {"rollout": {"stages": default_stages()}}
        spec.update(changes)
        self.kube.put("marketmakers", _object("MarketMaker", name, spec))

    def patch(self, spec: dict[str, Any], name: str = "eth-usdc") -> None:
        self.kube.patch_spec("marketmakers", NAMESPACE, name, spec)

    async def look(self, name: str = "eth-usdc") -> None:
        """The operator looks once."""
        loop = MarketMakerLoop(Key(NAMESPACE, name), self.context, self.metrics, lambda key, snapshot: None)
        await loop.reconcile()

    async def settle(self, *names: str, looks: int = 12) -> None:
        """Operator, controllers and traders take turns while the clock stands still, until two turns have changed nothing."""
        quiet = 0
        for _ in range(looks):
            before = self.kube.version
            for name in names or ("eth-usdc",):
                await self.look(name)
            self.kube.run_controllers()
            await self.traders.tick(self.clock.at)
            quiet = quiet + 1 if self.kube.version == before else 0
            if quiet == 2:
                break

    async def run(self, seconds: int, *names: str) -> None:
        """A second at a time."""
        for _ in range(seconds):
            self.clock.at += timedelta(seconds=1)
            await self.settle(*names, looks=2)

    async def run_until(
        self, state: str, stage: str | None = None, limit: int = 600, name: str = "eth-usdc"
    ) -> None:
        """Second after second until the columns say so."""
        for _ in range(limit):
            status = self.status(name)
            if status.state == state and stage in (None, status.stage):
                return
            await self.run(1, name)
        raise AssertionError(f"never {state} {stage}: {self.status(name).to_wire()}")

    def status(self, name: str = "eth-usdc") -> MarketMakerStatus:
        body = self.kube.named("marketmakers")[name]
        return MarketMakerStatus.model_validate(body.get("status", {}))

    def condition(self, kind: str, name: str = "eth-usdc") -> tuple[str, str]:
        found = {item.type: item for item in self.status(name).conditions}[kind]
        return found.status, found.reason

    def records(self) -> list[dict[str, Any]]:
        return [body["spec"] for body in self.kube.named("stagerecords").values()]

    def pods(self) -> list[str]:
        return sorted(self.kube.named("pods"))


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "mm-rebuild.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def default_stages() -> list[dict[str, Any]]:
    """Three stages over two accounts, with seconds for days."""
    return [
        {
            "name": "testnet",
            "accountRef": {"name": "test"},
            "symbols": ["ETHUSDC"],
            "capital": "10000",
            "soak": "10s",
            "gates": [{"name": "NoRestarts"}, {"name": "RiskControlsWork"}],
        },
        {
            "name": "small-capital",
            "accountRef": {"name": "main"},
            "symbols": ["ETHUSDC"],
            "capital": "1000",
            "lossBudget": "50",
            "soak": "10s",
            "gates": [{"name": "NoRiskViolations"}, {"name": "NetPnL", "min": "0"}],
        },
        {
            "name": "scale-up",
            "accountRef": {"name": "main"},
            "symbols": ["ETHUSDC"],
            "steps": [
                {"capital": "2000", "soak": "5s"},
                {"capital": "5000", "soak": "5s", "symbols": ["ETHUSDC", "BTCUSDC"]},
            ],
            "gates": [{"name": "NetPnL", "min": "0"}],
        },
    ]

"""A trader as the operator sees one: takes its lease by the contract's script, reads latches, reports state and evidence. It trades nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import yaml
from fake_kube import FakeKube
from redis.asyncio import Redis

from mm_api import redis_scripts
from mm_api.drills import DrillName, DrillRecord
from mm_api.kinds import HaltLevel
from mm_api.redis_contract import (
    AlertRecord,
    Command,
    Evidence,
    Keys,
    Latch,
    LatchSource,
    ReportedState,
    RunningStats,
    TraderPhase,
)
from mm_api.trader_config import TraderConfig


@dataclass
class Behaviour:
    """What the market does to the traders."""

    fills_per_tick: int = 20
    pnl_per_tick: Decimal = Decimal(1)
    unlisted: list[str] = field(default_factory=list)
    silent: bool = False
    fails_drills: tuple[str, ...] = ()
    keeps_orders: bool = False
    """The venue never confirms that nothing is open."""


@dataclass
class FakeTraders:
    """One for each pod of the fake cluster."""

    kube: FakeKube
    redis: Redis
    behaviour: Behaviour = field(default_factory=Behaviour)
    configs: dict[str, TraderConfig] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    risk_levels: dict[str, str] = field(default_factory=dict)
    """By identity, where a trader's own level is not Normal."""
    writers: list[tuple[str, str, int]] = field(default_factory=list)
    """(identity, pod uid, epoch) of every quoting tick, in order."""

    def config_of(self, pod: dict[str, Any]) -> TraderConfig:
        """What the pod was started with."""
        volume = next(volume for volume in pod["spec"]["volumes"] if volume["name"] == "config")
        config_map = self.kube.named("configmaps")[volume["configMap"]["name"]]
        text = config_map["data"]["config.yaml"]
        if text not in self.configs:
            self.configs[text] = TraderConfig.model_validate(yaml.safe_load(text))
        return self.configs[text]

    async def tick(self, now: datetime) -> None:
        """Every pod does a second's work."""
        if self.behaviour.silent:
            return
        for pod in list(self.kube.named("pods").values()):
            await self._one(pod, now)

    async def latch(self, identity: str, reason: str, now: datetime) -> str:
        """A trader's own risk monitor halts."""
        now_ms = round(now.timestamp() * 1000)
        name = f"risk-{reason.lower()}-{now_ms}"
        latch = Latch(
            id=name,
            level=HaltLevel.HALTED,
            source=LatchSource.RISK,
            reason=reason,
            message="the limit was reached",
            at_ms=now_ms,
        )
        keys = Keys(identity)
        await self.redis.hset(keys.latches, name, latch.to_json_line())
        alert = AlertRecord(kind="Halt", severity="critical", at_ms=now_ms, reason=reason, halt_id=name)
        await self.redis.xadd(keys.alerts, {"alert": alert.to_json_line()})
        return name

    async def _one(self, pod: dict[str, Any], now: datetime) -> None:
        config, uid = self.config_of(pod), pod["metadata"]["uid"]
        keys, now_ms = Keys(config.identity), round(now.timestamp() * 1000)
        answer = await self.redis.eval(
            redis_scripts.ACQUIRE, 2, keys.lease, keys.fence, uid, 200, config.epoch, 0
        )
        if answer[0] != "OK":
            return
        await self.redis.set(keys.lease, uid)  # its time to live is real time, and this world's is not
        token = (uid, config.epoch, answer[1])
        latches = [
            Latch.model_validate_json(text) for text in (await self.redis.hgetall(keys.latches)).values()
        ]
        halted = any(latch.level.depth >= HaltLevel.HALTED.depth for latch in latches)
        quoting = not halted and not self.behaviour.unlisted
        if quoting:
            await self._drill(config, now_ms)
            self.writers.append((config.identity, uid, config.epoch))
            self._count(config, now_ms)
        open_orders = 2 if quoting or self.behaviour.keeps_orders else 0
        state = ReportedState.model_validate(
            {
                "holder": uid,
                "epoch": config.epoch,
                "counter": int(answer[1]),
                "phase": TraderPhase.QUOTING if quoting else TraderPhase.HALTED,
                "revision": config.revision,
                "scope": config.scope,
                "symbols": config.symbols,
                "capital": config.risk.capital,
                "riskLevel": self.risk_levels.get(config.identity, "Normal"),
                "halts": [latch.id for latch in latches],
                "openOrders": open_orders,
                "zeroOrdersConfirmedMs": None if open_orders else now_ms,
                "unlistedSymbols": self.behaviour.unlisted,
                "updatedMs": now_ms,
            }
        )
        writes = [(keys.state, state.to_json_line())]
        evidence = self.evidence.get(config.scope)
        if evidence is not None:
            evidence = evidence.model_copy(update={"updated_ms": now_ms})
            self.evidence[config.scope] = evidence
            writes.append((keys.evidence(config.scope), evidence.to_json_line()))
        arguments: list[Any] = list(token)
        for _, value in writes:
            arguments += [1, "SET", value]
        committed = await self.redis.eval(
            redis_scripts.COMMIT,
            2 + len(writes),
            keys.lease,
            keys.fence,
            *(key for key, _ in writes),
            *arguments,
        )
        assert committed[0] == "OK", committed
        await self.redis.delete(keys.lease)

    async def _drill(self, config: TraderConfig, now_ms: int) -> None:
        """What the command stream asks for is done at once."""
        old = self.evidence.get(config.scope)
        entries = await self.redis.xrange(Keys(config.identity).commands)
        for _, fields in entries if old is not None else ():
            command = Command.model_validate_json(fields["command"])
            if command.drill is None or command.drill in old.drills:
                continue
            state = "Failed" if command.drill.value in self.behaviour.fails_drills else "Passed"
            spent = {"unclean_stops": 1} if command.drill is DrillName.KILL_AND_RECOVER else {}
            record = DrillRecord(state=state, started_ms=now_ms, ended_ms=now_ms, message="done", spent=spent)
            old = old.model_copy(
                update={
                    "drills": {**old.drills, command.drill: record},
                    "unclean_stops": old.unclean_stops + spent.get("unclean_stops", 0),
                }
            )
            self.evidence[config.scope] = old

    def _count(self, config: TraderConfig, now_ms: int) -> None:
        old = self.evidence.get(config.scope) or Evidence(
            scope=config.scope,
            revision=config.revision,
            started_ms=now_ms,
            updated_ms=now_ms,
            incarnations=1,
            self_test_checks=12,
        )
        change = self.behaviour.pnl_per_tick
        stats = old.pnl_samples
        count = stats.count + 1
        delta = float(change) - stats.mean
        mean = stats.mean + delta / count
        self.evidence[config.scope] = old.model_copy(
            update={
                "fills": old.fills + self.behaviour.fills_per_tick,
                "net_pnl": old.net_pnl + change,
                "quoted_ms": old.quoted_ms + 1000,
                "uptime_ms": old.uptime_ms + 1000,
                "orders_placed": old.orders_placed + 50,
                "orders_accepted": old.orders_accepted + 50,
                "pnl_samples": RunningStats(
                    count=count, mean=mean, m2=stats.m2 + delta * (float(change) - mean)
                ),
            }
        )

"""What happens to a running trader when a field of its config file changes: one table, for the trader, the docs and the tests.

*Hot*: taken over at once. *Restart*: accepted, shown as pending, in force after the next start. *Immutable*: the whole file is refused, because a
trader with another value of it would be another trader (account, evidence, epoch). docs/reference/reload.md is generated from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from mm_api.trader_config import TraderConfig


class Reload(StrEnum):
    """When a changed value counts."""

    HOT = "hot"
    RESTART = "restart"
    IMMUTABLE = "immutable"


class Managed(StrEnum):
    """What a file may change at a trader that an operator manages (`lease.managed: true`), where a revision earns its capital."""

    FREE = "any value"
    TIGHTER = "smaller values only"
    REVISION = "new revision only"


class Rule(NamedTuple):
    """One field. `path`: wire names, dotted."""

    path: str
    reload: Reload
    managed: Managed
    why: str


_EARNED = "a looser or another value earns its way as a new revision"
_WITH_NAME = f"{_EARNED}; beside another `strategy.name` they wait for the restart with it"
_BREAKER = "a breaker that is open keeps the times it was opened with"
_FLATTEN = "what happens in an emergency does not change in the middle of one"
_GUARD = "what a guard has measured belongs to its thresholds"
_IDENTITY = "says whose orders and evidence these are"
_CONNECTED = "connections are made with it"
_OF_THE_STRATEGY = frozenset({"strategy.parameters", "strategy.symbolParameters"})
"""They mean something to one strategy alone: with a file that names another one they wait for it."""
_H, _R, _I = Reload.HOT, Reload.RESTART, Reload.IMMUTABLE
_FREE, _TIGHTER, _REVISION = Managed.FREE, Managed.TIGHTER, Managed.REVISION

RULES: tuple[Rule, ...] = (
    Rule("schemaVersion", _I, _FREE, "another schema is another program"),
    Rule("name", _I, _FREE, _IDENTITY),
    Rule("namespace", _I, _FREE, _IDENTITY),
    Rule("identity", _I, _FREE, _IDENTITY),
    Rule("revision", _I, _FREE, "evidence is counted for it; the operator hands over to a new process"),
    Rule("scope", _I, _FREE, "evidence is counted for it; the operator hands over to a new process"),
    Rule("epoch", _I, _FREE, "the fencing token; one process has one"),
    Rule("symbols", _I, _FREE, "ledger, limits and capital shares are per symbol"),
    Rule("venue.kind", _I, _FREE, "another venue is another account"),
    Rule("venue.environment", _I, _FREE, "play money never becomes real money in a running process"),
    Rule("venue.restUrl", _I, _FREE, "another address may be another account"),
    Rule("venue.wsApiUrl", _I, _FREE, "another address may be another account"),
    Rule("venue.streamUrl", _I, _FREE, "another address may be another account"),
    Rule("venue.recvWindow", _R, _FREE, "the wait before quoting was measured with it"),
    Rule("venue.credentialsDir", _I, _FREE, "other keys may be another account"),
    Rule("venue.allowRealMoney", _I, _FREE, "the switch is read once, before anything is opened"),
    Rule("strategy.name", _R, _REVISION, "another strategy begins with a reconciled, empty book of orders"),
    Rule("strategy.parameters", _H, _REVISION, _WITH_NAME),
    Rule("strategy.symbolParameters", _H, _REVISION, _WITH_NAME),
    Rule("risk.capital", _H, _TIGHTER, _EARNED),
    Rule("risk.dailyLossLimit", _H, _TIGHTER, _EARNED),
    Rule("risk.lossBudget", _H, _TIGHTER, _EARNED),
    Rule("risk.symbolLossLimit", _H, _TIGHTER, _EARNED),
    Rule("risk.maxNetExposure", _H, _TIGHTER, _EARNED),
    Rule("risk.maxCorrelatedExposure", _H, _TIGHTER, _EARNED),
    Rule("risk.maxDrawdown", _H, _TIGHTER, _EARNED),
    Rule("risk.maxOrderRate", _H, _TIGHTER, _EARNED),
    Rule("risk.maxCancelRatio", _H, _TIGHTER, _EARNED),
    Rule("risk.maxRejectStreak", _H, _TIGHTER, _EARNED),
    Rule("risk.priceBand", _H, _TIGHTER, _EARNED),
    Rule("risk.maxOrderNotional", _H, _TIGHTER, _EARNED),
    Rule("risk.maxFillRate", _R, _REVISION, _EARNED),
    Rule("risk.maxClockSkew", _R, _REVISION, _EARNED),
    Rule("risk.breaker.failures", _R, _REVISION, _BREAKER),
    Rule("risk.breaker.openFor", _R, _REVISION, _BREAKER),
    Rule("risk.breaker.longest", _R, _REVISION, _BREAKER),
    Rule("risk.guards.hold", _R, _REVISION, _GUARD),
    Rule("risk.guards.markOutHorizon", _R, _REVISION, _GUARD),
    Rule("risk.guards.markOutFills", _R, _REVISION, _GUARD),
    Rule("risk.guards.markOutCautiousBp", _R, _REVISION, _GUARD),
    Rule("risk.guards.markOutReduceBp", _R, _REVISION, _GUARD),
    Rule("risk.guards.vpinBuckets", _R, _REVISION, _GUARD),
    Rule("risk.guards.vpinCautious", _R, _REVISION, _GUARD),
    Rule("risk.guards.vpinReduce", _R, _REVISION, _GUARD),
    Rule("risk.guards.volatilityJumpCautious", _R, _REVISION, _GUARD),
    Rule("risk.guards.volatilityJumpReduce", _R, _REVISION, _GUARD),
    Rule("portfolio.split", _H, _REVISION, _EARNED),
    Rule("portfolio.weights", _H, _REVISION, _EARNED),
    Rule("portfolio.maxWeight", _H, _REVISION, _EARNED),
    Rule("portfolio.hysteresis", _H, _REVISION, _EARNED),
    Rule("portfolio.interval", _H, _REVISION, _EARNED),
    Rule("risk.flatten.enabled", _R, _REVISION, _FLATTEN),
    Rule("risk.flatten.settleFor", _R, _REVISION, _FLATTEN),
    Rule("risk.flatten.limitFor", _R, _REVISION, _FLATTEN),
    Rule("risk.flatten.takerWait", _R, _REVISION, _FLATTEN),
    Rule("risk.flatten.takerAttempts", _R, _REVISION, _FLATTEN),
    Rule("risk.flatten.takerReach", _R, _REVISION, _FLATTEN),
    Rule("risk.flatten.unknownFor", _R, _REVISION, _FLATTEN),
    Rule("risk.flatten.remindEvery", _R, _REVISION, _FLATTEN),
    Rule("risk.feeAssetRates", _H, _REVISION, "it values commissions: neither tighter nor looser"),
    Rule("engine.orderTimeout", _H, _REVISION, _EARNED),
    Rule("engine.reconcileInterval", _H, _REVISION, _EARNED),
    Rule("engine.healthCheckInterval", _H, _FREE, "how often the process looks at itself"),
    Rule("engine.staleAfter", _H, _REVISION, _EARNED),
    Rule("engine.requoteInterval", _H, _REVISION, _EARNED),
    Rule("engine.requoteTolerance", _H, _REVISION, _EARNED),
    Rule("engine.requoteInPlace", _H, _REVISION, _EARNED),
    Rule(
        "engine.evidenceInterval",
        _R,
        _FREE,
        "samples of one incarnation are all of one length",
    ),
    Rule("lease.ttl", _R, _FREE, "the lease that is held was granted with it"),
    Rule("lease.renewInterval", _R, _FREE, "the lease that is held was granted with it"),
    Rule("lease.margin", _R, _FREE, "the lease that is held was granted with it"),
    Rule(
        "lease.managed", _I, _FREE, "who issues epochs and lifts halts does not change under a running trader"
    ),
    Rule("redis.url", _I, _FREE, "another database is another state"),
    Rule("redis.username", _R, _FREE, _CONNECTED),
    Rule("redis.passwordFile", _R, _FREE, _CONNECTED),
    Rule("redis.timeout", _R, _FREE, _CONNECTED),
    Rule("journalDir", _I, _FREE, "the journal is locked and open"),
    Rule("admin.host", _R, _FREE, "the port is open"),
    Rule("admin.port", _R, _FREE, "the port is open"),
    Rule("admin.tokenFile", _R, _FREE, "the token is read once"),
    Rule("alerts.throttle", _R, _FREE, "the channels are built with it"),
    Rule("alerts.queue", _R, _FREE, "the channels are built with it"),
    Rule("alerts.channels", _R, _FREE, _CONNECTED),
    Rule("deadMan.heartbeatFile", _R, _FREE, "the file is open, and the watcher looks at that one"),
    Rule("deadMan.timeout", _R, _FREE, "it is the watcher's: start that one anew"),
    Rule("deadMan.startGrace", _R, _FREE, "it is the watcher's: start that one anew"),
    Rule("deadMan.serverSwitch", _R, _FREE, "it is the watcher's: start that one anew"),
    Rule("logging.level", _H, _FREE, "no order depends on it"),
    Rule("logging.format", _R, _FREE, "outputs are open"),
    Rule("logging.file", _R, _FREE, "outputs are open"),
    Rule("logging.errorFile", _R, _FREE, "outputs are open"),
    Rule("process.memoryLimitMib", _H, _FREE, "read at every look"),
    Rule("recording.directory", _R, _FREE, "a recording begins with how the kernel was built"),
    Rule("recording.segmentMib", _R, _FREE, "segments are open"),
    Rule("recording.keepSegments", _R, _FREE, "segments are open"),
)

BY_PATH = {rule.path: rule for rule in RULES}
TIGHTENABLE = frozenset(rule.path.removeprefix("risk.") for rule in RULES if rule.managed is Managed.TIGHTER)
"""Names of spec.risk's and RiskConfig's fields that a `Tighten` command may carry. All are tighter when smaller; unset is loosest."""


class Change(NamedTuple):
    """One field that differs. Values are wire values; None: unset."""

    path: str
    before: Any
    after: Any


class Plan(NamedTuple):
    """What a new file means for what runs."""

    hot: tuple[Change, ...]
    restart: tuple[Change, ...]
    refused: tuple[str, ...]
    """One sentence each, naming the field and the mend. Not empty: nothing of the file is taken over."""

    @property
    def paths(self) -> list[str]:
        """Every field that differs and is no reason to refuse."""
        return [change.path for change in (*self.hot, *self.restart)]


def leaves(model: type[BaseModel] = TraderConfig, prefix: str = "") -> Iterator[str]:
    """Dotted wire paths of every field; lists and mappings are one field."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = _submodel(field.annotation)
        if inner is None:
            yield path
        else:
            yield from leaves(inner, f"{path}.")


def differences(before: TraderConfig, after: TraderConfig) -> list[Change]:
    """Fields that differ, in the table's order."""
    old, new = before.to_wire(), after.to_wire()
    pairs = ((path, _at(old, path), _at(new, path)) for path in leaves())
    return [Change(*pair) for pair in pairs if pair[1] != pair[2]]


def plan(running: TraderConfig, wanted: TraderConfig) -> Plan:
    """Sort the differences by the table. A field without a row counts as immutable: unknown is never taken over."""
    hot: list[Change] = []
    restart: list[Change] = []
    refused: list[str] = []
    other_strategy = running.strategy.name != wanted.strategy.name
    for change in differences(running, wanted):
        rule = BY_PATH.get(change.path)
        if rule is None or rule.reload is Reload.IMMUTABLE:
            why = rule.why if rule is not None else "it has no rule"
            refused.append(
                f"{change.path}: cannot change while running ({why}): it is {_text(change.before)}, the file says "
                f"{_text(change.after)}; put it back, or start another trader"
            )
        elif running.lease.managed and (problem := _not_earned(rule, change)):
            refused.append(problem)
        elif other_strategy and change.path in _OF_THE_STRATEGY:
            restart.append(change)
        elif rule.reload is Reload.HOT:
            hot.append(change)
        else:
            restart.append(change)
    return Plan(tuple(hot), tuple(restart), tuple(refused))


def merged(running: TraderConfig, wanted: TraderConfig, changes: tuple[Change, ...]) -> TraderConfig:
    """`running` with these fields as `wanted` has them. Raises pydantic.ValidationError where only the whole file makes sense together."""
    wire, new = running.to_wire(), wanted.to_wire()
    for change in changes:
        *parents, leaf = change.path.split(".")
        target, source = wire, new
        for parent in parents:
            target, source = target.setdefault(parent, {}), source.get(parent, {})
        if leaf in source:
            target[leaf] = source[leaf]
        else:
            target.pop(leaf, None)
            if len(parents) == 1 and not target and parents[0] not in new:
                del wire[parents[0]]  # a block that the file no longer has
    return TraderConfig.model_validate(wire)


def page() -> str:
    """docs/reference/reload.md, whole."""
    lines = [
        "# Which fields a running trader takes over",
        "Generated from `crds/mm_api/reload_rules.py` by `make generate`. How a reload goes: [the "
        "trader](../trader.md#changing-the-config-of-a-running-trader).",
        "",
        "*hot*: at once · *restart*: accepted, shown as pending, in force after the next start · *immutable*: the file is "
        "refused as a whole and the field is named.",
        "Under an operator (`lease.managed: true`) the file may only tighten what a revision has earned; the last column says so.",
        "",
        "| field | a change is | under an operator | why |",
        "|---|---|---|---|",
    ]
    for rule in RULES:
        managed = " " if rule.reload is Reload.IMMUTABLE else rule.managed.value
        lines.append(f"| `{rule.path}` | {rule.reload.value} | {managed} | {rule.why} |")
    names = ", ".join(f"`{name}`" for name in sorted(TIGHTENABLE))
    lines += ["", f"A `Tighten` command of the operator may carry: {names}.", ""]
    lines += [
        "## An edit of a MarketMaker",
        "The same fields in `spec`, by the same rules. *Tightens*: a smaller value goes to the running trader at once, by the command stream; a larger "
        "one is a new revision. *New revision*: it begins at the first stage, with a new pod. *Next start*: written down, no pod is replaced. What is not "
        "here the operator sets itself.",
        "",
        "| field | an edit |",
        "|---|---|",
    ]
    lines += [f"| `spec.{path}` | {_EDITS[BY_PATH[path].managed]} |" for path in _settable()]
    lines.append("")
    return "\n".join(lines)


_EDITS = {
    Managed.FREE: "next start",
    Managed.TIGHTER: "tightens, or new revision",
    Managed.REVISION: "new revision",
}


def _settable() -> list[str]:
    """Paths that a MarketMaker's spec shares with the config, in the table's order."""
    from mm_api.kinds import MarketMakerSpec  # a trader that reloads its file needs no kinds

    spec = set(leaves(MarketMakerSpec))
    return [rule.path for rule in RULES if rule.path in spec]


def _not_earned(rule: Rule, change: Change) -> str:
    """Why a managed trader does not take this value from a file; empty when it does."""
    where = f"{change.path}: from {_text(change.before)} to {_text(change.after)}"
    if rule.managed is Managed.REVISION:
        return f"{where} needs a new revision under an operator: change the MarketMaker, not this file"
    if rule.managed is Managed.TIGHTER and not _tighter(change):
        return f"{where} is looser; under an operator that needs a new revision: change the MarketMaker, not this file"
    return ""


def _tighter(change: Change) -> bool:
    if change.after is None:
        return False
    return change.before is None or Decimal(str(change.after)) < Decimal(str(change.before))


def _submodel(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) in (list, dict):
        return None  # of models or not: one field
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _at(wire: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(wire, dict):
            return None
        wire = wire.get(part)
    return wire


def _text(value: Any) -> str:
    return "unset" if value is None else str(value)

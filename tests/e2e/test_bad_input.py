"""What `kubectl apply` refuses, and with which words: the message names the field and the rule."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from e2e.kit.api import Object
from e2e.kit.cluster import Cluster
from e2e.kit.installation import Installation
from e2e.kit.objects import API_VERSION, BTC, ETH, gate, market_maker, rung, stage, venue_account

GOOD = market_maker("bad-input", [stage("paper", "paper")])
MAINNET = venue_account("bad-input", host="simulator", port=9180, secret="keys")
del MAINNET["spec"]["endpoints"]
MAINNET["spec"]["environment"] = "mainnet"

MAIL: Object = {"name": "mail", "type": "Smtp", "host": "smtp", "sender": "mm@x", "recipients": ["desk@x"]}


def _with(change: Callable[[Object], object], base: Object = GOOD) -> Object:
    made = copy.deepcopy(base)
    change(made["spec"])
    return made


def _stages(*stages: Object) -> Object:
    return market_maker("bad-input", list(stages))


REFUSED = {
    "a symbol in a wrong form": (
        _stages(stage("paper", "paper", symbols=["eth-usdc"])),
        ["symbols[0]", "such as ETHUSDC"],
    ),
    "two stages of one name": (
        _stages(stage("paper", "paper"), stage("paper", "live")),
        ["spec.rollout.stages", "same name"],
    ),
    "capital steps that fall": (
        _stages(stage("up", "live", steps=[rung("2000", "5s"), rung("1000", "5s", [ETH, BTC])])),
        ["steps", "fall"],
    ),
    "capital and steps at once": (
        _stages({**stage("up", "live", steps=[rung("2000", "5s")]), "capital": "10"}),
        ["stages", "either capital or steps"],
    ),
    "no symbol at all": (_stages(stage("paper", "paper", symbols=[])), ["symbols", "missing"]),
    "no stage at all": (_stages(), ["spec.rollout.stages", "at least 1"]),
    "a negative loss limit": (
        _with(lambda spec: spec["risk"].update(dailyLossLimit="-100")),
        ["spec.risk.dailyLossLimit", "above 0"],
    ),
    "a loss limit of zero": (
        _with(lambda spec: spec["risk"].update(dailyLossLimit="0")),
        ["spec.risk.dailyLossLimit", "above 0"],
    ),
    "a drawdown above the whole capital": (
        _with(lambda spec: spec["risk"].update(maxDrawdown="1.5")),
        ["spec.risk.maxDrawdown", "at most 1"],
    ),
    "a number that is not a string": (
        _with(lambda spec: spec["risk"].update(dailyLossLimit=100)),
        ["spec.risk.dailyLossLimit", "string"],
    ),
    "a duration without a unit": (
        _with(lambda spec: spec["engine"].update(orderTimeout="5")),
        ["spec.engine.orderTimeout", "ms|s|m|h|d"],
    ),
    "a clock skew out of its range": (
        _with(lambda spec: spec["risk"].update(maxClockSkew="2h")),
        ["spec.risk.maxClockSkew", "from 10ms to 1h"],
    ),
    "a breaker that opens for longer than its longest": (
        _with(lambda spec: spec["risk"].update(breaker={"openFor": "40s"})),
        ["spec.risk.breaker", "longest must not be shorter than openFor"],
    ),
    "a guard whose deeper level comes first": (
        _with(lambda spec: spec["risk"].update(guards={"vpinCautious": "0.8", "vpinReduce": "0.7"})),
        ["spec.risk.guards", "vpinReduce must not be below vpinCautious"],
    ),
    "a dead man that sleeps": (
        _with(lambda spec: spec.update(deadMan={"timeout": "10m"})),
        ["spec.deadMan.timeout", "from 1s to 5m"],
    ),
    "an alert channel with its password in it": (
        _with(lambda spec: spec.update(alerts={"channels": [MAIL | {"password": "hunter2"}]})),
        ["spec.alerts.channels[0].password"],
    ),
    "a login without its secret": (
        _with(lambda spec: spec.update(alerts={"channels": [MAIL | {"username": "mm"}]})),
        ["spec.alerts.channels[0]", "needs secretRef"],
    ),
    "two alert channels of one name": (
        _with(lambda spec: spec.update(alerts={"channels": [MAIL, MAIL]})),
        ["spec.alerts.channels", "same name"],
    ),
    "weights of more than the capital": (
        _with(lambda spec: spec.update(portfolio={"weights": {ETH: "0.7", BTC: "0.7"}})),
        ["spec.portfolio", "more than 1"],
    ),
    "a volume of no known size": (
        _with(lambda spec: spec.update(trader={"storage": "12 apples"})),
        ["spec.trader.storage", "such as '256Mi'"],
    ),
    "a drill that is named twice": (
        _stages(stage("paper", "paper", drills=["Disconnect", "Disconnect"])),
        ["stages", "drill is named twice"],
    ),
    "a drill that does not exist": (
        _stages(stage("paper", "paper", drills=["Earthquake"])),
        ["drills[0]", "KillAndRecover"],
    ),
    "a field that does not exist": (
        _with(lambda spec: spec["risk"].update(dailyLosLimit="1")),
        ["spec.risk.dailyLosLimit"],
    ),
    "a pause that does not exist": (
        _with(lambda spec: spec.update(pause="Asleep")),
        ["spec.pause", "Hibernated"],
    ),
    "a gate that does not exist": (
        _stages(stage("paper", "paper", gates=[gate("Luck")])),
        ["gates[0].name", "NetPnL"],
    ),
    "a Custom gate without its query": (
        _stages(stage("paper", "paper", gates=[gate("Custom", max="1")])),
        ["gates", "promql"],
    ),
    "a stage that names a symbol twice": (
        _stages(stage("paper", "paper", symbols=[ETH, ETH])),
        ["stages[0]", "symbol is named twice"],
    ),
    "a step that names a symbol twice": (
        _stages(stage("up", "live", steps=[rung("2000", "5s", [BTC, BTC])])),
        ["steps[0]", "symbol is named twice"],
    ),
    "a gate that nothing passes": (
        _stages(stage("paper", "paper", gates=[gate("NetPnL", min="2", max="1")])),
        ["gates[0]", "no value would pass"],
    ),
    "a gate that a loss passes": (
        _stages(stage("paper", "paper", gates=[gate("NetPnL", min="0", confidence="0.4")])),
        ["gates[0]", "from 0.5 to below 1"],
    ),
    "a volatility jump that is none": (
        _with(lambda spec: spec["risk"].update(guards={"volatilityJumpCautious": "0.5"})),
        ["spec.risk.guards", "at least 1, or 0 for off"],
    ),
    "a practice account at an address of real money": (
        _with(
            lambda spec: spec.update(
                environment="testnet",
                endpoints={"rest": "https://api.binance.com", "wsApi": "ws://s", "stream": "ws://s"},
            ),
            MAINNET,
        ),
        ["spec.endpoints", "real money"],
    ),
    "an account on mainnet without the second switch": (MAINNET, ["spec.environment", "allowRealMoney"]),
    "a simulator without its addresses": (
        _with(lambda spec: spec.update(environment="simulator"), MAINNET),
        ["spec.endpoints", "simulator"],
    ),
    "a halt without a reason": (
        {"apiVersion": API_VERSION, "kind": "TradingHalt", "metadata": {"name": "bad-input"}, "spec": {}},
        ["spec.reason", "Required"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_kubectl_apply_refuses(case: str, cluster: Cluster, installation: Installation) -> None:
    manifest, words = copy.deepcopy(REFUSED[case])
    manifest["metadata"]["namespace"] = installation.namespace
    said = cluster.refusal_of(manifest)
    for word in words:
        assert word.lower() in said.lower(), f"the refusal does not name {word!r}: {said}"

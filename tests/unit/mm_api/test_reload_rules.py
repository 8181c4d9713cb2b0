"""The table of hot, restart and immutable fields: complete, consistent with what a command may tighten, and obeyed."""

from __future__ import annotations

from typing import Any

import pytest

from mm_api.reload_rules import BY_PATH, RULES, TIGHTENABLE, Reload, differences, leaves, merged, plan
from mm_api.trader_config import TraderConfig
from mm_operator.reconcile.revision_rules import TIGHTER_IF_SMALLER_RISK, TIGHTER_IF_SMALLER_STAGE
from mm_trader.kernel.settings import _LIMITS


def config(managed: bool = False, **changes: Any) -> TraderConfig:
    data: dict[str, Any] = {
        "symbols": ["ETHUSDC"],
        "venue": {
            "environment": "simulator",
            "restUrl": "http://x",
            "wsApiUrl": "ws://x",
            "streamUrl": "ws://x",
        },
        "risk": {"capital": "1000"},
        "lease": {"managed": managed},
    }
    for path, value in changes.items():
        *parents, leaf = path.split("__")
        target = data
        for parent in parents:
            target = target.setdefault(parent, {})
        target[leaf] = value
    return TraderConfig.model_validate(data)


def test_every_field_of_the_config_is_in_the_table_exactly_once_and_nothing_else() -> None:
    assert sorted(rule.path for rule in RULES) == sorted(leaves())


def test_what_a_command_may_tighten_is_what_the_kernel_can_tighten_and_what_the_operator_sends() -> None:
    assert set(_LIMITS) == TIGHTENABLE
    assert set(TIGHTER_IF_SMALLER_RISK) | set(TIGHTER_IF_SMALLER_STAGE) <= TIGHTENABLE


def test_the_same_file_differs_in_nothing() -> None:
    assert differences(config(), config()) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"symbols": ["ETHUSDC", "BTCUSDC"]}, "symbols"),
        ({"identity": "other"}, "identity"),
        ({"venue__restUrl": "http://y"}, "venue.restUrl"),
        ({"journalDir": "elsewhere"}, "journalDir"),
        ({"redis": {"url": "redis://x"}}, "redis.url"),
    ],
)
def test_an_immutable_field_refuses_the_whole_file_by_name(changes: dict[str, Any], path: str) -> None:
    found = plan(config(), config(risk__dailyLossLimit="50", **changes))
    assert [problem.split(":")[0] for problem in found.refused] == [path]


def test_hot_fields_and_fields_that_need_a_restart_are_told_apart() -> None:
    found = plan(config(), config(risk__dailyLossLimit="50", logging__level="DEBUG", admin__port=9200))
    assert [change.path for change in found.hot] == ["risk.dailyLossLimit", "logging.level"]
    assert [change.path for change in found.restart] == ["admin.port"]
    assert found.refused == ()


def test_only_the_hot_fields_are_merged_and_unset_ones_are_unset_again() -> None:
    running = config(risk__lossBudget="20")
    wanted = config(admin__port=9200, strategy__parameters={"baseSpread": "0.001"})
    found = plan(running, wanted)
    live = merged(running, wanted, found.hot)
    assert live.risk.loss_budget is None
    assert live.strategy.parameters == wanted.strategy.parameters
    assert live.admin.port == running.admin.port


def test_parameters_of_another_strategy_wait_for_it_and_are_never_given_to_the_one_that_runs() -> None:
    wanted = config(
        strategy__name="SignalSkew",
        strategy__parameters={"baseSpread": "0.0001"},
        strategy__symbolParameters={"ETHUSDC": {"orderSize": "0.02"}},
        risk__dailyLossLimit="50",
    )
    found = plan(config(), wanted)
    assert [change.path for change in found.hot] == ["risk.dailyLossLimit"]
    assert [change.path for change in found.restart] == [
        "strategy.name",
        "strategy.parameters",
        "strategy.symbolParameters",
    ]


def test_a_block_that_the_file_no_longer_has_is_gone_and_not_applied_again_at_every_look() -> None:
    before = config(portfolio={"split": "RiskParity"})
    live = merged(before, config(), plan(before, config()).hot)
    assert live.portfolio is None
    assert differences(live, config()) == []


def test_under_an_operator_a_file_may_tighten_and_not_loosen() -> None:
    running = config(managed=True)
    assert plan(running, config(managed=True, risk__dailyLossLimit="50")).refused == ()
    assert plan(running, config(managed=True, risk__lossBudget="50")).refused == ()
    (looser,) = plan(running, config(managed=True, risk__dailyLossLimit="500")).refused
    assert looser.startswith("risk.dailyLossLimit: from 100 to 500 is looser")
    (other,) = plan(running, config(managed=True, strategy__parameters={"baseSpread": "0.001"})).refused
    assert "needs a new revision" in other
    (unset,) = plan(config(managed=True, risk__lossBudget="50"), config(managed=True)).refused
    assert unset.startswith("risk.lossBudget")


def test_an_operator_may_not_be_waved_away_by_a_file() -> None:
    (problem,) = plan(config(managed=True), config(managed=False)).refused
    assert problem.startswith("lease.managed")
    assert BY_PATH["lease.managed"].reload is Reload.IMMUTABLE

"""Which edits are a new revision, which only tighten, which are neither."""

from __future__ import annotations

from typing import Any

import pytest

from mm_api.kinds import MarketMakerSpec, VenueAccountSpec
from mm_operator.reconcile.ladder import ladder, rung_of
from mm_operator.reconcile.revision import revision_of, snapshot_of
from mm_operator.reconcile.revision_rules import Change, classify, effective_limits

ACCOUNT = VenueAccountSpec.model_validate(
    {
        "environment": "testnet",
        "credentialsSecretRef": {"name": "keys"},
        "capitalCeiling": {"amount": "1000", "asset": "USDC"},
    }
)
ACCOUNTS = {"a": ACCOUNT}


def spec(**changes: Any) -> MarketMakerSpec:
    stage: dict[str, Any] = {
        "name": "s",
        "accountRef": {"name": "a"},
        "symbols": ["ETHUSDC"],
        "capital": "100",
        "lossBudget": "10",
    }
    steps = {
        "name": "up",
        "accountRef": {"name": "a"},
        "symbols": ["ETHUSDC"],
        "steps": [{"capital": "200"}, {"capital": "300"}],
    }
    stage.update(changes.pop("stage", {}))
    steps.update(changes.pop("steps", {}))
    rollout = {"stages": [stage, steps], **changes.pop("rollout", {})}
    return MarketMakerSpec.model_validate({"rollout": rollout, **changes})


BASE = snapshot_of(spec(), ACCOUNTS, "image:1")


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        ({}, Change.NONE),
        ({"pause": "Halted"}, Change.NONE),
        ({"acknowledgeHalt": "risk-1"}, Change.NONE),
        ({"rollout": {"onFailure": "Halt"}}, Change.NONE),
        ({"rollout": {"attempt": 3}}, Change.NONE),
        ({"rollout": {"freeze": [{"cron": "0 0 * * *", "duration": "1h"}]}}, Change.NONE),
        ({"trader": {"resources": {"memoryLimit": "1Gi"}}}, Change.NONE),
        ({"risk": {"dailyLossLimit": "50"}}, Change.TIGHTENS),
        ({"risk": {"maxDrawdown": "0.01", "maxOrderRate": 5, "maxCancelRatio": "0.5"}}, Change.TIGHTENS),
        ({"stage": {"capital": "50"}}, Change.TIGHTENS),
        ({"stage": {"lossBudget": "5"}}, Change.TIGHTENS),
        ({"steps": {"lossBudget": "5"}}, Change.TIGHTENS),
        ({"steps": {"steps": [{"capital": "150"}, {"capital": "250"}]}}, Change.TIGHTENS),
        ({"risk": {"dailyLossLimit": "150"}}, Change.NEW_REVISION),
        ({"risk": {"dailyLossLimit": "50", "maxDrawdown": "0.05"}}, Change.NEW_REVISION),
        ({"stage": {"capital": "101"}}, Change.NEW_REVISION),
        ({"stage": {"lossBudget": None}}, Change.NEW_REVISION),
        ({"stage": {"symbols": ["BTCUSDC"]}}, Change.NEW_REVISION),
        ({"stage": {"soak": "1h"}}, Change.NEW_REVISION),
        ({"stage": {"gates": [{"name": "NetPnL"}]}}, Change.NEW_REVISION),
        ({"strategy": {"name": "Other"}}, Change.NEW_REVISION),
        ({"strategy": {"parameters": {"baseSpread": "0.1"}}}, Change.NEW_REVISION),
        ({"engine": {"orderTimeout": "1s"}}, Change.NEW_REVISION),
        ({"trader": {"image": "image:2"}}, Change.NEW_REVISION),
        ({"risk": {"symbolLossLimit": "20", "maxNetExposure": "80"}}, Change.TIGHTENS),
        ({"portfolio": {"split": "RiskParity"}}, Change.NEW_REVISION),
        ({"strategy": {"symbolParameters": {"ETHUSDC": {"baseSize": "0.02"}}}}, Change.NEW_REVISION),
        ({"steps": {"steps": [{"capital": "200"}]}}, Change.NEW_REVISION),
        ({"risk": {"priceBand": "0.01", "maxRejectStreak": 5, "maxOrderNotional": "50"}}, Change.TIGHTENS),
        ({"risk": {"priceBand": "0.03"}}, Change.NEW_REVISION),
        ({"risk": {"guards": {"vpinCautious": "0.6"}}}, Change.NEW_REVISION),
        ({"risk": {"breaker": {"failures": 3}}}, Change.NEW_REVISION),
        ({"risk": {"flatten": {"enabled": True}}}, Change.NEW_REVISION),
        ({"risk": {"maxFillRate": 10}}, Change.NEW_REVISION),
        ({"engine": {"requoteInterval": "1s"}}, Change.NEW_REVISION),
        ({"engine": {"healthCheckInterval": "1s", "evidenceInterval": "2s"}}, Change.NONE),
        ({"alerts": {"channels": [{"name": "c", "type": "Console"}]}}, Change.NONE),
        ({"logging": {"level": "DEBUG"}, "deadMan": {"timeout": "9s"}, "recording": {}}, Change.NONE),
        ({"process": {"memoryLimitMib": 100}}, Change.NONE),
    ],
)
def test_an_edit_is(edit: dict[str, Any], change: Change) -> None:
    assert classify(BASE, spec(**edit), ACCOUNTS) is change


def test_a_limit_over_symbols_taken_away_or_raised_is_a_new_revision_and_the_tightest_is_in_force() -> None:
    base = snapshot_of(spec(risk={"maxCorrelatedExposure": "80"}), ACCOUNTS, "image:1")
    assert classify(base, spec(), ACCOUNTS) is Change.NEW_REVISION
    assert classify(base, spec(risk={"maxCorrelatedExposure": "90"}), ACCOUNTS) is Change.NEW_REVISION
    tighter = spec(risk={"maxCorrelatedExposure": "70", "symbolLossLimit": "5"})
    assert classify(base, tighter, ACCOUNTS) is Change.TIGHTENS
    rung = rung_of(tighter, "s", 0)
    assert rung
    limits = effective_limits(tighter, rung, base, rung)
    assert (limits["maxCorrelatedExposure"], limits["symbolLossLimit"]) == ("70", "5")
    loosened = effective_limits(spec(risk={"maxCorrelatedExposure": "90"}), rung, base, rung)
    assert loosened["maxCorrelatedExposure"] == "80"


def test_a_spec_without_the_new_fields_hashes_as_it_did() -> None:
    assert BASE.revision == "39e2f965a3", "an operator upgrade must not be a new revision"


def test_a_field_of_a_later_release_is_in_the_hash_only_where_it_is_not_at_its_default() -> None:
    assert revision_of(spec(risk={"priceBand": "0.02", "guards": {}}), ACCOUNTS) == BASE.revision
    assert revision_of(spec(risk={"guards": {"hold": "31s"}}), ACCOUNTS) != BASE.revision


def test_a_limit_is_in_force_where_either_side_is_not_at_the_default() -> None:
    base = snapshot_of(spec(risk={"maxRejectStreak": 50}), ACCOUNTS, "image:1")
    rung = rung_of(base.spec, "s", 0)
    assert rung
    assert effective_limits(spec(), rung, base, rung)["maxRejectStreak"] == "20"
    assert "maxRejectStreak" not in effective_limits(spec(), rung, BASE, rung)


def test_another_address_of_the_account_is_a_new_revision_and_another_ceiling_is_none() -> None:
    wire = ACCOUNT.to_wire()
    ends = {"rest": "http://x", "stream": "ws://x", "wsApi": "ws://x"}
    moved = VenueAccountSpec.model_validate({**wire, "endpoints": ends})
    raised = VenueAccountSpec.model_validate({**wire, "capitalCeiling": {"amount": "5000", "asset": "USDC"}})
    assert classify(BASE, spec(), {"a": moved}) is Change.NEW_REVISION
    assert classify(BASE, spec(), {"a": raised}) is Change.NONE


def test_the_revision_is_the_same_for_the_same_trading_whatever_the_default_image() -> None:
    assert snapshot_of(spec(), ACCOUNTS, "image:2").revision == BASE.revision
    assert revision_of(spec(pause="Halted"), ACCOUNTS) == BASE.revision


def test_limits_in_force_are_never_looser_than_what_the_revision_began_with() -> None:
    edited = spec(risk={"dailyLossLimit": "400", "maxDrawdown": "0.01"}, stage={"capital": "500"})
    now, base = rung_of(edited, "s", 0), rung_of(BASE.spec, "s", 0)
    assert now and base
    limits = effective_limits(edited, now, BASE, base)
    assert limits == {
        "capital": "100",
        "dailyLossLimit": "100",
        "maxDrawdown": "0.01",
        "maxOrderRate": "20",
        "maxCancelRatio": "0.9",
        "lossBudget": "10",
    }


def test_the_ladder_carries_symbols_on_and_asks_for_approval_where_a_stage_ends() -> None:
    plan = spec(
        steps={
            "steps": [{"capital": "200"}, {"capital": "300", "symbols": ["ETHUSDC", "BTCUSDC"]}],
            "approval": "Required",
        }
    )
    rungs = ladder(plan)
    assert [(rung.stage, rung.step, rung.symbols, rung.needs_approval) for rung in rungs] == [
        ("s", 0, ("ETHUSDC",), False),
        ("up", 0, ("ETHUSDC",), False),
        ("up", 1, ("ETHUSDC", "BTCUSDC"), True),
    ]

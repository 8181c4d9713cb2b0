"""An account and a trader's definition, made of as little as they need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mm_api.kinds import MarketMakerSpec, VenueAccountSpec
from mm_operator.resources import trader
from mm_operator.resources.trader_config import trader_config


def account(environment: str = "testnet", **more: Any) -> VenueAccountSpec:
    """A VenueAccount's spec."""
    wire = {
        "environment": environment,
        "credentialsSecretRef": {"name": "keys"},
        "capitalCeiling": {"amount": "1", "asset": "USDC"},
        **more,
    }
    return VenueAccountSpec.model_validate(wire)


def definition(
    epoch: int = 3,
    *,
    spec: dict[str, Any] | None = None,
    venue: VenueAccountSpec | None = None,
    memory_limit: str = "256Mi",
    **limits: str,
) -> trader.TraderDefinition:
    """A trader of one stage. `spec`: more of the MarketMaker's; `limits`: by wire name."""
    stage = {"name": "s", "accountRef": {"name": "main"}, "symbols": ["ETHUSDC"], "capital": "100"}
    wanted = MarketMakerSpec.model_validate({"rollout": {"stages": [stage]}, **(spec or {})})
    config = trader_config(
        definition_name="eth",
        namespace="ns",
        identity="testnet.ns.keys",
        revision="abc",
        scope="abc/s/0/1",
        epoch=epoch,
        symbols=("ETHUSDC",),
        spec=wanted,
        account=venue or account(),
        limits={
            "capital": "100",
            "dailyLossLimit": "10",
            "maxDrawdown": "0.03",
            "maxOrderRate": "20",
            "maxCancelRatio": "0.9",
            **limits,
        },
        redis_url="redis://redis:6379/0",
        lease_ttl=timedelta(seconds=5),
        memory_limit=memory_limit,
    )
    return trader.TraderDefinition(
        name="eth",
        uid="u1",
        namespace="ns",
        account="main",
        identity="testnet.ns.keys",
        epoch=epoch,
        scope="abc/s/0/1",
        revision="abc",
        image="img:1",
        config=config,
        credentials_secret="keys",
        housing=wanted.trader,
        alerts=wanted.alerts,
    )

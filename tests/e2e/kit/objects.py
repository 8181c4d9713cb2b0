"""Manifests as a user would write them, in few words: venue accounts, stages, gates and market makers with soaks of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e2e.kit.api import Object

API_VERSION = "mm-rebuild.io/v1alpha1"
ETH = "ETHUSDC"
BTC = "BTCUSDC"

QUICK = {
    "name": "BasicMarketMaking",
    "parameters": {"baseSpread": "0.0002", "baseSize": "0.05", "maxInventory": "0.25"},
}
"""Quotes close enough to the mid that a calm market trades with them every few seconds."""

QUICK_BTC = {
    "name": "BasicMarketMaking",
    "parameters": {"baseSpread": "0.0002", "baseSize": "0.002", "maxInventory": "0.01"},
}
"""The same for BTCUSDC."""


def gate(name: str, **fields: str) -> Object:
    """A gate, such as `gate("NetPnL", min="0")`."""
    return {"name": name, **fields}


CONDUCT = [gate("NoRestarts"), gate("NoOrderAnomalies"), gate("NoRiskViolations")]
"""Gates that a healthy trader passes in any market."""


def rung(capital: str, soak: str, symbols: Sequence[str] | None = None) -> Object:
    """One rung of a capital ladder."""
    made: Object = {"capital": capital, "soak": soak}
    if symbols:
        made["symbols"] = list(symbols)
    return made


def stage(
    name: str,
    on: str,
    *,
    capital: str | None = None,
    soak: str = "3s",
    steps: Sequence[Object] = (),
    symbols: Sequence[str] = (ETH,),
    gates: Sequence[Object] = tuple(CONDUCT),
    **more: Any,
) -> Object:
    """A stage on the VenueAccount `on`. `soak` holds for a stage with one capital; the rungs of `steps` have their own."""
    made: Object = {
        "name": name,
        "accountRef": {"name": on},
        "symbols": list(symbols),
        "gates": list(gates),
        "timeout": "3m",
        **more,
    }
    if steps:
        made["steps"] = list(steps)
    else:
        made |= {"capital": capital or "1000", "soak": soak}
    return made


def market_maker(name: str, stages: Sequence[Object], **spec: Any) -> Object:
    """A MarketMaker. `spec`: further fields of the spec, which replace those made here."""
    on_failure = spec.pop("on_failure", "Rollback")
    labels = spec.pop("labels", {})
    return {
        "apiVersion": API_VERSION,
        "kind": "MarketMaker",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "strategy": QUICK,
            "risk": {
                "dailyLossLimit": "1000",
                "maxDrawdown": "0.9",
                "maxOrderRate": 100,
                "maxCancelRatio": "1",
            },
            "engine": {"reconcileInterval": "10s"},
            "trader": {"resources": {"cpuRequest": "10m", "memoryRequest": "64Mi"}, "storage": "16Mi"},
            "rollout": {"onFailure": on_failure, "stages": list(stages)},
            **spec,
        },
    }


def venue_account(name: str, *, host: str, port: int, secret: str, ceiling: str = "50000") -> Object:
    """A VenueAccount at the simulator `host`."""
    return {
        "apiVersion": API_VERSION,
        "kind": "VenueAccount",
        "metadata": {"name": name},
        "spec": {
            "environment": "simulator",
            "credentialsSecretRef": {"name": secret},
            "capitalCeiling": {"amount": ceiling, "asset": "USDC"},
            "endpoints": {
                "rest": f"http://{host}:{port}",
                "stream": f"ws://{host}:{port}",
                "wsApi": f"ws://{host}:{port}/ws-api/v3",
            },
        },
    }


def secret(name: str, key: str, secret_key: str) -> Object:
    """The keys of a simulator account."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"apiKey": key, "secretKey": secret_key},
    }


def trading_halt(
    name: str, *, reason: str, level: str = "Halted", selector: dict[str, str] | None = None
) -> Object:
    """A TradingHalt for the namespace."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TradingHalt",
        "metadata": {"name": name},
        "spec": {"level": level, "reason": reason, "selector": selector or {}},
    }

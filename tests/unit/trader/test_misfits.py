"""A trader that may quote and places nothing says so, and names the field: "Quoting" without a quote looks like health, and a stage would wait for ever."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from kernel_driver import Driver, eth_rules, of, trader_config

from mm_api.redis_contract import TraderPhase
from mm_trader.core.commands import Alert, Command, Place


def told(commands: list[Command]) -> list[str]:
    return [alert.record.message for alert in of(Alert, commands) if alert.record.reason == "NothingFits"]


def driver_of(parameters: dict[str, str] | None = None, rules: Any = None, **risk: Any) -> Driver:
    config = trader_config(parameters=parameters, **risk)
    return Driver(config, {"ETHUSDC": rules or eth_rules()})


@pytest.mark.parametrize(
    ("driver", "reason", "names"),
    [
        (driver_of(capital=Decimal(3)), "SymbolCapital", "risk.capital"),
        (driver_of(max_order_notional=Decimal(1)), "OrderNotional", "risk.maxOrderNotional"),
        (driver_of({"baseSize": "0.001"}), "Notional", "strategy.parameters"),
        (driver_of({"baseSize": "0.00001"}), "LotSize", "strategy.parameters"),
        (driver_of({"baseSpread": "0.01"}, price_band=Decimal("0.001")), "PriceBand", "PriceBand"),
        (driver_of(max_net_exposure=Decimal(1)), "SymbolCapital", "risk.maxNetExposure"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_no_order_fits_is_a_reason_at_once_and_an_alert_once(
    driver: Driver, reason: str, names: str
) -> None:
    assert driver.start() == []
    status = driver.kernel.status()
    assert (status.phase, status.reason) == (TraderPhase.NOT_QUOTING, reason)
    assert names in status.misfits["ETHUSDC"]
    commands = driver.ticks(30)
    assert of(Place, commands) == []
    (message,) = told(commands)
    assert message.startswith("ETHUSDC: ")
    assert names in message


def test_an_empty_wallet_is_named_with_its_asset() -> None:
    driver = driver_of()
    driver.balances = {"USDC": (Decimal(1), Decimal(0)), "ETH": (Decimal(0), Decimal(0))}
    driver.start()
    status = driver.kernel.status()
    assert (status.phase, status.reason) == (TraderPhase.NOT_QUOTING, "Balance")
    assert "not enough free ETH" in status.misfits["ETHUSDC"]


def test_one_quote_is_quoting_and_what_fits_again_is_forgotten() -> None:
    driver = driver_of()
    driver.balances = {"USDC": (Decimal(0), Decimal(0)), "ETH": (Decimal(0), Decimal(0))}
    driver.start()
    assert driver.kernel.status().phase is TraderPhase.NOT_QUOTING
    driver.balances = {"USDC": (Decimal(0), Decimal(0)), "ETH": (Decimal(5), Decimal(0))}
    driver.snapshot(cause="timer")
    assert len(of(Place, driver.log)) == 1
    status = driver.kernel.status()
    assert (status.phase, status.misfits) == (TraderPhase.QUOTING, {})
    assert told(driver.ticks(30)) == []


def test_a_moment_without_orders_is_none() -> None:
    driver = driver_of()
    bid, ask = driver.quoting()
    driver.fill(bid)
    driver.fill(ask)
    status = driver.kernel.status()
    assert (status.phase, status.misfits) == (TraderPhase.QUOTING, {})

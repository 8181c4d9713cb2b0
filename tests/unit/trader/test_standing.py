"""A look that ends early because everything stands does what the whole look would have done: nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest
from kernel_driver import Driver, of, trader_config

from mm_trader.core.commands import Cancel, Command, Place
from mm_trader.kernel import quoting

LEVELS: dict[str, Any] = {"engine": {"requote_interval": "1ms"}}


def told(seed: int, capital: str, symbols: tuple[str, ...]) -> list[Command]:
    """The commands of a wandering market whose venue accepts, cancels, and fills now and then."""
    rng = random.Random(seed)
    driver = Driver(trader_config(symbols, capital=capital, **LEVELS))
    driver.start()
    resting: dict[str, Place] = {}
    done, mids = 0, dict.fromkeys(symbols, 250_000)
    for _ in range(150):
        for command in driver.log[done:]:
            done += 1
            if isinstance(command, Place):
                resting[command.client_id] = command
                driver.accept(command)
            elif isinstance(command, Cancel) and command.client_id in resting:
                driver.canceled(resting.pop(command.client_id))
        if resting and rng.random() < 0.1:
            place = resting[rng.choice(sorted(resting))]
            if rng.random() < 0.5:
                driver.fill(resting.pop(place.client_id))
            elif place.size > 1:
                half = place.size // 2
                driver.fill(place, half)
                driver.canceled(resting.pop(place.client_id), half)
        symbol = rng.choice(symbols)
        mids[symbol] += rng.choice((-20, -3, 0, 0, 0, 3, 20))
        driver.tick(10)
        bid = mids[symbol]
        driver.market(f"{bid / 100:.2f}", f"{(bid + 1) / 100:.2f}", symbol)
    assert of(Place, driver.log)
    return driver.log


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("capital", ["10000", "60", "30"])
@pytest.mark.parametrize("symbols", [("ETHUSDC",), ("ETHUSDC", "BTCUSDC")])
def test_the_early_end_changes_no_command(
    seed: int, capital: str, symbols: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = told(seed, capital, symbols)
    ended: list[bool] = []
    early = quoting.stands

    def never(*parts: Any) -> bool:
        ended.append(early(*parts))
        return False

    monkeypatch.setattr(quoting, "stands", never)
    assert told(seed, capital, symbols) == quick
    if capital == "10000":
        assert any(ended), "the early end was never taken: nothing was compared"

"""A look that ends early because everything stands does what the whole look would have done: nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest
from kernel_driver import Driver, eth_rules, of, trader_config

from mm_trader.core import events as ev
from mm_trader.core.commands import Cancel, CancelReplace, Command, Place
from mm_trader.kernel import quoting

QUICK_LOOKS: dict[str, Any] = {"engine": {"requote_interval": "1ms"}}


def told(seed: int, capital: str, symbols: tuple[str, ...], *, in_place: bool) -> list[Command]:
    """The commands of a wandering market whose venue accepts, cancels, and fills now and then."""
    rng = random.Random(seed)
    rules = {symbol: eth_rules(symbol, replaceable=in_place) for symbol in symbols}
    driver = Driver(trader_config(symbols, capital=capital, **QUICK_LOOKS), rules)
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
            elif isinstance(command, CancelReplace) and command.client_id in resting:
                driver.canceled(resting.pop(command.client_id))
                resting[command.place.client_id] = command.place
                driver.accept(command.place)
            elif isinstance(command, CancelReplace):  # the old one was filled first
                new = command.place.client_id
                driver.feed(
                    ev.CommandDropped(
                        ts=driver.ts,
                        symbol=command.symbol,
                        client_id=new,
                        command="place",
                        reason="not attempted",
                    )
                )
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
    assert of(CancelReplace if in_place and capital == "10000" else Place, driver.log)
    return driver.log


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("capital", ["10000", "60", "30"])
@pytest.mark.parametrize("symbols", [("ETHUSDC",), ("ETHUSDC", "BTCUSDC")])
@pytest.mark.parametrize("in_place", [False, True])
def test_the_early_end_changes_no_command(
    seed: int, capital: str, symbols: tuple[str, ...], in_place: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = told(seed, capital, symbols, in_place=in_place)
    ended: list[bool] = []
    early = quoting.stands

    def never(*parts: Any) -> bool:
        ended.append(early(*parts))
        return False

    monkeypatch.setattr(quoting, "stands", never)
    assert told(seed, capital, symbols, in_place=in_place) == quick
    if capital == "10000":
        assert any(ended), "the early end was never taken: nothing was compared"

"""Strategies by name. The kernel is given this mapping; the shell may pass one that also holds plug-ins (entry points `mm_trader.strategies`),
because looking those up reads the file system, which the kernel never does."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mm_trader.strategy.avellaneda_stoikov import AvellanedaStoikov
from mm_trader.strategy.base import Strategy
from mm_trader.strategy.basic import BasicMarketMaking
from mm_trader.strategy.glft import Glft, Glft2017
from mm_trader.strategy.grid import MultiLayerGrid
from mm_trader.strategy.parameters import ParameterError, complete
from mm_trader.strategy.signal_skew import SignalSkew

StrategyTypes = Mapping[str, type[Strategy]]

BUILT_IN: StrategyTypes = {
    "BasicMarketMaking": BasicMarketMaking,
    "AvellanedaStoikov": AvellanedaStoikov,
    "GLFT": Glft,
    "GLFT2017": Glft2017,
    "MultiLayerGrid": MultiLayerGrid,
    "SignalSkew": SignalSkew,
}


def validate_parameters(
    name: str, parameters: Mapping[str, Decimal], strategies: StrategyTypes = BUILT_IN
) -> dict[str, Decimal]:
    """Complete, checked parameters of the strategy called `name`. Raises ParameterError naming every field that is wrong and its legal range."""
    strategy = strategies.get(name)
    if strategy is None:
        raise ParameterError(
            [f"strategy.name: {name!r} is not known; known are {', '.join(sorted(strategies))}"]
        )
    values = complete(strategy.parameters, parameters, name)
    problems = strategy.check(values)
    if problems:
        raise ParameterError(problems)
    return values

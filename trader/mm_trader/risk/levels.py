"""The four-level risk state: every cause asks for a level, the deepest is obeyed. Thresholds and what each level does to the quotes: docs/risk.md."""

from __future__ import annotations

from typing import Final

from mm_trader.core.state import CAUTIOUS, NORMAL, REDUCE_ONLY, RiskLevel
from mm_trader.risk.reasons import Caution

CAUTIOUS_USAGE: Final = 0.5
"""Half of a loss limit used: quote wider and smaller."""
REDUCE_USAGE: Final = 0.8
"""Four fifths used: only bring the position back."""
RELEASE: Final = 0.05
"""A level is left when usage has fallen this far below its threshold, so that it does not flap."""

CAUTIOUS_WIDEN: Final = 1.5
"""Half spreads are multiplied by this in Cautious."""
CAUTIOUS_SIZE: Final = 2
"""Sizes are divided by this in Cautious."""
CAUTIOUS_PATIENCE: Final = 4
"""Looks at the quotes are this much rarer in Cautious: fewer orders and cancels."""


class RiskState:
    """Causes by name, and the level that follows."""

    def __init__(self) -> None:
        self._causes: dict[Caution, RiskLevel] = {}
        self.level = NORMAL

    def set(self, cause: Caution, level: RiskLevel) -> bool:
        """Record what a cause asks for. True: the level that is obeyed changed."""
        if level is self._causes.get(cause, NORMAL):
            return False
        if level is NORMAL:
            del self._causes[cause]
        else:
            self._causes[cause] = level
        before = self.level
        self.level = max(self._causes.values(), default=NORMAL)
        return self.level is not before

    def asked(self, cause: Caution) -> RiskLevel:
        """What one cause asks for now."""
        return self._causes.get(cause, NORMAL)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The causes, deepest first."""
        return tuple(cause.value for cause, _ in sorted(self._causes.items(), key=lambda item: -item[1]))


def level_for_usage(usage: float, now: RiskLevel) -> RiskLevel:
    """Level for the used part of a loss limit, given the level it asked for so far."""
    reduce = REDUCE_USAGE - (RELEASE if now >= REDUCE_ONLY else 0)
    cautious = CAUTIOUS_USAGE - (RELEASE if now >= CAUTIOUS else 0)
    if usage >= reduce:
        return REDUCE_ONLY
    return CAUTIOUS if usage >= cautious else NORMAL

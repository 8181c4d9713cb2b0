"""Parameters of strategies as data: name, default, legal range, meaning. One list serves validation, defaults and the docs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from mm_api.scalars import format_decimal


class ParameterError(ValueError):
    """Parameters that cannot be used. `problems`: one sentence each, naming field and legal range."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter. The range includes both ends."""

    name: str
    """Wire name, camelCase; the snake_case form is understood too."""
    default: Decimal
    low: Decimal
    high: Decimal
    unit: str
    meaning: str
    whole: bool = False
    """True: a count or a switch; a fraction is refused."""

    @property
    def legal_range(self) -> str:
        """For messages and docs: `0.00001 … 0.1`."""
        return f"{format_decimal(self.low)} … {format_decimal(self.high)}"

    def fits(self, value: Decimal) -> bool:
        """Whether a value may be used."""
        if not value.is_finite() or not self.low <= value <= self.high:
            return False
        return not self.whole or value == value.to_integral_value()


def parameter(
    name: str, default: str, low: str, high: str, unit: str, meaning: str, *, whole: bool = False
) -> Parameter:
    """A parameter from plain text."""
    return Parameter(
        name=name,
        default=Decimal(default),
        low=Decimal(low),
        high=Decimal(high),
        unit=unit,
        meaning=meaning,
        whole=whole,
    )


def complete(
    parameters: Sequence[Parameter], given: Mapping[str, Decimal], strategy: str
) -> dict[str, Decimal]:
    """All parameters by wire name, defaults filled in. Raises ParameterError for every unknown, non-finite or out-of-range one at once."""
    known = {parameter.name: parameter for parameter in parameters}
    values = {parameter.name: parameter.default for parameter in parameters}
    problems: list[str] = []
    seen: set[str] = set()
    for raw, value in given.items():
        name = _wire_name(raw)
        parameter = known.get(name)
        if name in seen:
            problems.append(f"strategy.parameters.{name}: given twice, also as {raw}; keep one")
        elif parameter is None:
            problems.append(
                f"strategy.parameters.{raw}: {strategy} has no such parameter; it has {', '.join(sorted(known))}"
            )
        elif not parameter.fits(value):
            whole = "a whole number of " if parameter.whole else ""
            problems.append(
                f"strategy.parameters.{name}: {value} is outside {whole}{parameter.legal_range} {parameter.unit}"
            )
        else:
            values[name] = value
        seen.add(name)
    if problems:
        raise ParameterError(problems)
    return values


def _wire_name(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match.group(1).upper(), name)

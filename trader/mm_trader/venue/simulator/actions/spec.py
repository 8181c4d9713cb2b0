"""How an action of the admin API is declared: its fields with kinds, ranges and defaults, and what it does.

One declaration serves the check of what was sent, the catalogue that tests and other programs read, and the docs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..simulator import Simulator

MAX_TEXT = 500


class ActionError(ValueError):
    """The action cannot be done as asked; the text names the field."""


class Kind(StrEnum):
    SYMBOL = "symbol"
    ACCOUNT = "account"
    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    CHOICE = "choice"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `low` and `high` bound numbers, `choices` bound a choice, `doc` says meaning and unit."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    default: Any = None
    low: float = -1e12
    high: float = 1e12
    choices: tuple[str, ...] = ()

    def parse(self, sim: Simulator, value: Any) -> Any:
        """The checked value. Raises ActionError."""
        known = {Kind.SYMBOL: sim.engine.markets, Kind.ACCOUNT: sim.client_accounts}.get(self.kind)
        if known is not None:
            if not isinstance(value, str) or value not in known:
                raise ActionError(f"{self.name}: must be one of {', '.join(known) or 'none, there is none'}")
            return value
        if self.kind is Kind.CHOICE:
            if not isinstance(value, str) or value not in self.choices:
                raise ActionError(f"{self.name}: must be one of {', '.join(self.choices)}")
            return value
        if self.kind is Kind.FLAG:
            if isinstance(value, bool):
                return value
            if value in ("true", "false"):
                return value == "true"
            raise ActionError(f"{self.name}: must be true or false")
        if self.kind is Kind.TEXT:
            if not isinstance(value, str):
                raise ActionError(f"{self.name}: must be text")
            if len(value) > MAX_TEXT:
                raise ActionError(f"{self.name}: at most {MAX_TEXT} characters")
            return value
        return self._number(value)

    def _number(self, value: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ActionError(f"{self.name}: must be a number")
        try:
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise ActionError(f"{self.name}: must be a number") from error
        if math.isnan(number) or not self.low <= number <= self.high:
            raise ActionError(f"{self.name}: must lie between {self.low:g} and {self.high:g}")
        if self.kind is Kind.INTEGER:
            if number != int(number):
                raise ActionError(f"{self.name}: must be a whole number")
            return int(number)
        return number

    def shape(self) -> dict[str, Any]:
        """As the catalogue shows it."""
        shape: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind.value,
            "required": self.required,
            "doc": self.doc,
        }
        if self.default is not None:
            shape["default"] = self.default
        if self.choices:
            shape["choices"] = list(self.choices)
        if self.kind in (Kind.NUMBER, Kind.INTEGER):
            shape |= {"low": self.low, "high": self.high}
        return shape


Values = Mapping[str, Any]
"""An action's checked fields by name; None where nothing was sent and there is no default."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action. `example` may hold `{symbol}` and `{account}`, which stand for the first of each."""

    does: str
    run: Callable[[Simulator, Values], Any]
    fields: tuple[Field, ...] = ()
    example: Mapping[str, Any] | None = None
    product: str | None = None
    """The product whose venue has it; None: every one."""

    def parse(self, sim: Simulator, given: Mapping[str, Any]) -> dict[str, Any]:
        """All fields checked, defaults filled in. Raises ActionError."""
        known = {field.name for field in self.fields}
        for name in given:
            if name not in known:
                raise ActionError(
                    f"unknown field {str(name)[:40]!r}; known: {', '.join(sorted(known)) or 'none'}"
                )
        values: dict[str, Any] = {}
        for field in self.fields:
            value = given.get(field.name)
            if value is not None:
                values[field.name] = field.parse(sim, value)
            elif field.required:
                values[field.name] = field.parse(sim, None)  # its own words for what is missing
            else:
                values[field.name] = field.default
        return values

    def shape(self, sim: Simulator) -> dict[str, Any]:
        example = {
            name: value.format(
                symbol=next(iter(sim.engine.markets)), account=next(iter(sim.client_accounts), "none")
            )
            if isinstance(value, str)
            else value
            for name, value in (self.example or {}).items()
        }
        return {
            "does": self.does,
            "product": self.product,
            "fields": [f.shape() for f in self.fields],
            "example": example,
        }


SYMBOL = Field("symbol", Kind.SYMBOL, "the symbol", required=True)
ACCOUNT = Field("account", Kind.ACCOUNT, "the account", required=True)
ONE_ACCOUNT = Field("account", Kind.ACCOUNT, "only this account's; none given: everybody's")
WHAT = Field(
    "what",
    Kind.CHOICE,
    "which connections",
    default="all",
    choices=("all", "market", "user", "orders"),
)

"""Scalars of the API: exact decimals and durations that are strings on the wire, and names with their legal forms.

Numbers that mean money or size are strings in YAML and `Decimal` in Python: a float would already have lost what the user wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

DECIMAL_PATTERN = r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$"
DURATION_PATTERN = r"^([0-9]{1,9}(ms|s|m|h|d))+$"
SYMBOL_PATTERN = r"^[A-Z0-9]{5,20}$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LONGEST_MS = 36_500 * 86_400_000
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_decimal(value: Any) -> Decimal:
    """Exact decimal from its string form. Floats are refused: what the user wrote is already lost in one."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"write the number as a string, such as '0.01', not {value!r}")
    if not re.fullmatch(DECIMAL_PATTERN, str(value)):
        raise ValueError(f"{value!r} is not a plain decimal such as '0.01'")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is not a plain decimal such as '0.01'") from error


def whole(value: Any) -> int:
    """A whole number as it is. Python takes `true` for 1, and pydantic `"5"` and `5.0` for 5: what was meant is not known, so all are refused."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"write a whole number, such as 5, not {value!r}")
    return value


def switch(value: Any) -> bool:
    """True or false as it is: `1`, `"yes"` and `"off"` are refused, where pydantic would guess."""
    if not isinstance(value, bool):
        raise ValueError(f"write true or false, not {value!r}")
    return value


def format_decimal(value: Decimal) -> str:
    """Plain notation without exponent or trailing zeros: `Decimal('1E-5')` → `'0.00001'`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def parse_duration(value: Any) -> timedelta:
    """`'1h30m'`, `'500ms'`, `'3d'` → timedelta. Units: ms, s, m, h, d. At most 100 years, so that any instant plus it is one."""
    if isinstance(value, timedelta):
        return value
    found = _parsed_duration(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not a duration such as '5s', '1h30m' or '3d' (units: ms, s, m, h, d)")
    if found > LONGEST_MS:
        raise ValueError(f"{value!r} is longer than 36500d, which is the most that a duration may be")
    return timedelta(milliseconds=found)


@lru_cache(maxsize=1024)  # the same few are read in every status and spec, at every look
def _parsed_duration(text: str) -> int | None:
    if not re.fullmatch(DURATION_PATTERN, text):
        return None
    parts = re.findall(r"([0-9]+)(ms|s|m|h|d)", text)
    return sum(int(number) * _UNIT_MS[unit] for number, unit in parts)


@lru_cache(maxsize=1024)
def format_duration(value: timedelta) -> str:
    """Shortest exact form, largest units first: 90 min → `'1h30m'`."""
    rest = round(value.total_seconds() * 1000)
    if rest <= 0:
        return "0s"
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNIT_MS[unit])
        text += f"{count}{unit}" if count else ""
    return text


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be greater than 0")
    return value


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("must not be negative")
    return value


def _fraction(value: Decimal) -> Decimal:
    if not 0 < value <= 1:
        raise ValueError("must be a fraction above 0 and at most 1")
    return value


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules for a schema: pairs of (expression that must hold, message that names the rule and the mend).

    The API server puts the field's path before the message. Patterns alone would answer with a regular expression, which no one reads;
    so a field's *form* is a pattern, and what a person gets wrong is a rule with a sentence.
    """
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


_decimal_text = PlainSerializer(format_decimal, return_type=str)
_decimal_schema = {"type": "string", "pattern": DECIMAL_PATTERN, "maxLength": 38}
_positive_schema = WithJsonSchema(
    _decimal_schema | rules(("double(self) > 0.0", "must be a number above 0, such as '100'"))
)
_not_negative_schema = WithJsonSchema(
    _decimal_schema | rules(("double(self) >= 0.0", "must be a number of 0 or more, such as '0.9'"))
)

Whole = Annotated[int, BeforeValidator(whole)]
"""A whole number, and nothing that only could be taken for one."""

Switch = Annotated[bool, BeforeValidator(switch)]
"""True or false, and nothing that only could be taken for it."""

ExactDecimal = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    _decimal_text,
    WithJsonSchema(_decimal_schema),
]
"""Any exact decimal, a string on the wire."""

PositiveDecimal = Annotated[
    Decimal, BeforeValidator(parse_decimal), AfterValidator(_positive), _decimal_text, _positive_schema
]
"""An exact decimal above 0, a string on the wire."""

NonNegativeDecimal = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    AfterValidator(_not_negative),
    _decimal_text,
    _not_negative_schema,
]
"""An exact decimal of 0 or more, a string on the wire."""

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "maxLength": 32}),
]
"""A length of time, such as `72h`, a string on the wire."""

Timestamp = Annotated[
    datetime,
    AfterValidator(_utc),
    PlainSerializer(lambda value: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant of wall time in UTC, RFC 3339 on the wire."""


Symbol = Annotated[
    str,
    StringConstraints(pattern=SYMBOL_PATTERN),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": 32}
        | rules(
            (
                f"self.matches('{SYMBOL_PATTERN}')",
                "must be in the venue's form: 5 to 20 capital letters and digits without a separator, such as ETHUSDC",
            )
        )
    ),
]
"""A trading pair in the venue's form, such as ETHUSDC."""

Fraction = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    AfterValidator(_fraction),
    _decimal_text,
    WithJsonSchema(
        _decimal_schema
        | rules(
            (
                "double(self) > 0.0 && double(self) <= 1.0",
                "must be a fraction above 0 and at most 1, such as '0.03'",
            )
        )
    ),
]
"""An exact decimal above 0 and at most 1, a string on the wire."""


@dataclass(frozen=True)
class Between:
    """The legal range of a `Duration` or an `ExactDecimal`, both ends included: `Annotated[Duration, Between("1s", "5m")]`.

    What is outside is refused with the range, by the model and by a rule of the API server. Its CEL reads no days, so of a duration
    with `d` in it the API server judges only whether days can be legal at all, and the operator the rest.
    """

    least: str
    most: str | None = None

    @property
    def legal(self) -> str:
        """For people."""
        return f"must be from {self.least} to {self.most}" if self.most else f"must be at least {self.least}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validation after the scalar's own."""

        def within(value: Any) -> Any:
            parse: Any = parse_duration if isinstance(value, timedelta) else Decimal
            if value < parse(self.least) or (self.most is not None and value > parse(self.most)):
                raise ValueError(self.legal)
            return value

        return core_schema.no_info_after_validator_function(within, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The scalar's own, with the range as a rule."""
        found = dict(handler(schema))
        rule = self._duration_rule() if found.get("pattern") == DURATION_PATTERN else self._decimal_rule()
        return found | rules((rule, self.legal))

    def _duration_rule(self) -> str:
        low, high = parse_duration(self.least), parse_duration(self.most) if self.most else None
        rule = f"duration(self) >= duration('{_cel(low)}')"
        if high is not None:
            rule += f" && duration(self) <= duration('{_cel(high)}')"
        if high is not None and high < timedelta(days=1):
            return f"!self.contains('d') && {rule}"
        return f"self.contains('d') || ({rule})"

    def _decimal_rule(self) -> str:
        rule = f"double(self) >= {float(self.least)}"
        return rule if self.most is None else f"{rule} && double(self) <= {float(self.most)}"


def _cel(value: timedelta) -> str:
    """As CEL reads it: whole seconds, or milliseconds."""
    ms = round(value.total_seconds() * 1000)
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms}ms"


_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti|)$")
_UNITS = dict(
    zip(("m", "", "k", "M", "G", "T"), (Decimal(1000) ** power for power in range(-1, 5)), strict=True)
)
_UNITS |= dict(zip(("Ki", "Mi", "Gi", "Ti"), (Decimal(1024) ** power for power in range(1, 5)), strict=True))


def parse_quantity(value: str) -> Decimal:
    """A Kubernetes quantity as a number: `'256Mi'` → 268435456, `'100m'` → 0.1. Raises ValueError for what is none, or not above 0."""
    found = _QUANTITY.match(value)
    amount = Decimal(found[1]) * _UNITS[found[2]] if found else Decimal(0)
    if amount <= 0:
        raise ValueError(f"{value!r} is not a quantity above 0 such as '256Mi', '1Gi' or '100m'")
    return amount


def _quantity(value: str) -> str:
    parse_quantity(value)
    return value


Quantity = Annotated[
    str,
    AfterValidator(_quantity),
    WithJsonSchema(
        {"type": "string", "maxLength": 16}
        | rules(
            (
                "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
                "must be a quantity above 0, such as '256Mi', '1Gi' or '100m'",
            )
        )
    ),
]
"""A Kubernetes quantity, such as 256Mi."""


class ApiModel(BaseModel):
    """Base of everything on a wire: camelCase there, frozen here, unknown fields refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready form with wire names, without fields that are unset (None)."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json_line(self) -> str:
        """The wire form as one line of JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

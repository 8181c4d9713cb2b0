"""Parameters of the seeded generator, and the named sets (`calm`, `toxic`) that ship with the package.

A preset is a YAML file of the fields of `Preset`; a name finds one in the package, anything with a `/` or `.yaml` is a
file of the user's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml


class PresetError(ValueError):
    """The preset's file is absent, unreadable or has a wrong field: the text says which."""


@dataclass(frozen=True, slots=True)
class Regime:
    """A volatility regime: `multiplier` on the base volatility, staying `mean_s` seconds on average."""

    multiplier: float
    mean_s: float


@dataclass(frozen=True, slots=True)
class Preset:
    """One market's character. Rates are per second, bp are 1/10,000 of the price, notionals in quote asset."""

    volatility_bp_sqrt_s: float
    noise_per_s: float
    informed_per_s: float
    description: str = ""
    regimes: tuple[Regime, ...] = (Regime(1.0, 60.0),)
    trend_bp_s: float = 0.0
    trend_mean_s: float = 60.0
    jump_per_s: float = 0.0
    jump_bp: float = 0.0
    public_lag_s: float = 0.3
    noise_notional: float = 120.0
    noise_sigma: float = 0.7
    informed_edge_bp: float = 1.0
    informed_notional: float = 400.0
    maker_half_spread_bp: float = 6.0
    maker_step_bp: float = 1.5
    maker_levels: int = 15
    maker_notional: float = 4000.0
    maker_refresh_s: float = 0.25
    maker_commission: Decimal = Decimal(0)
    taker_commission: Decimal = Decimal("0.001")
    start_prices: dict[str, float] = field(default_factory=dict)
    """By symbol or base asset; see `START_PRICES` for the rest."""


START_PRICES = {"ETH": 2600.0, "BTC": 62_000.0}
"""Where a base asset's price starts when the preset does not say; any other starts at 100."""


def builtin_presets() -> list[str]:
    """Names of the presets inside the package."""
    folder = files(__package__) / "presets"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def load_preset(name: str) -> Preset:
    """The preset called `name`, or in the file `name`. Raises PresetError."""
    if "/" in name or name.endswith((".yaml", ".yml")):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise PresetError(f"preset {name}: {error.strerror}") from error
    elif name in builtin_presets():
        text = (files(__package__) / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        raise PresetError(f"preset {name!r} unknown; known: {', '.join(builtin_presets())}, or a .yaml file")
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PresetError(f"preset {name}: not YAML ({str(error).splitlines()[0]})") from error
    return parse_preset(raw, name)


def parse_preset(raw: Any, name: str) -> Preset:
    """Build a preset from parsed YAML, naming the field that is wrong."""
    if not isinstance(raw, dict):
        raise PresetError(f"preset {name}: must be a mapping of fields")
    kinds = {f.name: f.type for f in fields(Preset)}
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in kinds:
            raise PresetError(f"preset {name}: unknown field {key!r}")
        try:
            values[key] = _convert(key, str(kinds[key]), value)
        except (TypeError, ValueError, InvalidOperation, KeyError, AttributeError) as error:
            raise PresetError(f"preset {name}: field {key}: {value!r} does not fit") from error
    try:
        return Preset(**values)
    except TypeError as error:
        raise PresetError(f"preset {name}: {str(error).replace('Preset.__init__() ', '')}") from error


def _convert(key: str, kind: str, value: Any) -> Any:
    if key == "regimes":
        return tuple(Regime(_positive(r["multiplier"]), _positive(r["mean_s"])) for r in value)
    if key == "start_prices":
        return {str(k): _positive(v) for k, v in value.items()}
    if kind == "Decimal":
        parsed = Decimal(str(value))
        if not -1 < parsed < 1:
            raise ValueError(key)
        return parsed
    if kind == "int":
        return int(_positive(value))
    if kind == "str":
        return str(value)
    number = float(value)
    if not 0 <= number < 1e12:
        raise ValueError(key)
    if (
        key in ("maker_refresh_s", "trend_mean_s", "maker_half_spread_bp", "maker_notional", "noise_notional")
        and number <= 0
    ):
        raise ValueError(key)
    return number


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < 1e12:
        raise ValueError(value)
    return number

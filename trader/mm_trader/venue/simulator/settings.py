"""Options from the command line, a YAML file, account files and the environment, joined into one `SimulatorConfig`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from .actions import ACTIONS
from .config import (
    AccountConfig,
    ConfigError,
    LimitConfig,
    MarketConfig,
    Product,
    SimulatorConfig,
    TlsConfig,
    make_key,
    parse_account,
    parse_balances,
    parse_market,
    parse_rate,
    parse_symbols,
)
from .engine.types import PERPETUAL_STP, StpMode
from .options import OPTIONS
from .tls import tls_context

DEFAULT_PORT = 9443
JOURNAL_SIZE = 20_000


def load_config(
    args: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> tuple[SimulatorConfig, list[dict[str, Any]]]:
    """(configuration, scenario steps) from parsed options. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = _from_yaml(args["config"]) if args.get("config") else {}
    given |= {name: args[name] for name in OPTIONS if args.get(name) is not None}
    accounts = _accounts(given, environ)
    maker, taker = _rate(given, "maker_commission"), _rate(given, "taker_commission")
    accounts = [
        replace(
            a,
            maker_commission=a.maker_commission if a.maker_commission is not None else maker,
            taker_commission=a.taker_commission if a.taker_commission is not None else taker,
        )
        for a in accounts
    ]
    product = _product(given.get("product", Product.SPOT))
    config = SimulatorConfig(
        accounts=tuple(accounts),
        product=product,
        symbols=parse_symbols(_joined(given.get("symbols", "ETHUSDC,BTCUSDC"), "--symbols"), product),
        market=_market(given.get("market")),
        host=str(given.get("host", "127.0.0.1")),
        port=_whole(given.get("port", DEFAULT_PORT), "--port"),
        speed=_number(given.get("speed", 1.0), "--speed"),
        limits=_limits(given.get("limits", {})),
        default_stp=_stp(given.get("stp", StpMode.EXPIRE_MAKER), product),
        leverage=_whole(given.get("leverage", 20), "--leverage"),
        funding_rate=parse_rate(str(given.get("funding_rate", "0.0001")), "--funding-rate"),
        funding_interval_s=_number(given.get("funding_interval", 8 * 3600), "--funding-interval"),
        ping_interval_s=_ping_interval(given.get("ping_interval")),
        tls=_tls(given),
        stop_orders=_switch(given.get("stop_orders", True), "--stop-orders"),
        listen_keys=_switch(given.get("listen_keys", False), "--listen-keys"),
        journal_size=_journal_size(given.get("journal_size", JOURNAL_SIZE)),
    )
    return config, _scenario(given.get("scenario"))


def _from_yaml(path: str) -> dict[str, Any]:
    raw = read_yaml(path, "--config")
    if not isinstance(raw, dict):
        raise ConfigError(f"--config {path}: must be a mapping of options")
    values = {str(k).replace("-", "_"): v for k, v in raw.items()}
    for name in values:
        if name not in (*OPTIONS, "accounts"):
            raise ConfigError(f"--config {path}: unknown option {name!r}; see --help")
    return values


def read_yaml(path: str, option: str) -> Any:
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{option} {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{option} {path}: not YAML ({str(error).splitlines()[0]})") from error


def _accounts(given: Mapping[str, Any], environ: Mapping[str, str]) -> list[AccountConfig]:
    accounts: list[AccountConfig] = []
    for name in ("account", "accounts"):
        for index, raw in enumerate(_listed(given.get(name))):
            where = f"{name}[{index}]"
            accounts.append(parse_account(raw) if isinstance(raw, str) else _account_mapping(raw, where))
    for path in _listed(given.get("account_file")):
        accounts += _account_file(str(path))
    prefix = given.get("accounts_from_env")
    if prefix:
        names = sorted(n for n in environ if n.startswith(str(prefix)))
        if not names:
            raise ConfigError(f"--accounts-from-env {prefix}: no variable begins with it")
        accounts += [parse_account(environ[n], f"variable {n}: account") for n in names]
    return accounts


def _account_file(path: str) -> list[AccountConfig]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"--account-file {path}: {why}") from error
    return [
        parse_account(line.strip(), f"--account-file {path} line {number}:")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _account_mapping(raw: Any, where: str) -> AccountConfig:
    """An account in YAML: name, key, secret, balances {asset: amount}, maker-commission, taker-commission."""
    if not isinstance(raw, dict):
        raise ConfigError(f"{where}: must be a mapping with name, key, secret, balances")
    values = {str(k).replace("-", "_"): v for k, v in raw.items()}
    for name in ("name", "key", "secret", "balances"):
        if not values.get(name):
            raise ConfigError(f"{where}: {name} is missing")
    balances = values["balances"]
    if not isinstance(balances, dict):
        raise ConfigError(f"{where}.balances: must be a mapping, as in {{ETH: '10'}}")
    text = ",".join(f"{a}={v}" for a, v in balances.items())
    return AccountConfig(
        str(values["name"]),
        (make_key(str(values["key"]), str(values["secret"]), where),),
        parse_balances(text, where),
        _rate(values, "maker_commission"),
        _rate(values, "taker_commission"),
    )


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _joined(value: Any, option: str) -> str:
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ",".join(value)
    if not isinstance(value, str):
        raise ConfigError(f"{option}: must be text, or a list of texts")
    return value


def _rate(given: Mapping[str, Any], name: str) -> Any:
    value = given.get(name)
    return None if value is None else parse_rate(str(value), f"--{name.replace('_', '-')}")


def _market(value: Any) -> MarketConfig:
    return MarketConfig() if value is None else parse_market(_joined(value, "--market"))


def _product(value: Any) -> Product:
    try:
        return Product(str(value))
    except ValueError as error:
        raise ConfigError(f"--product {value}: must be one of {', '.join(Product)}") from error


def _whole(value: Any, option: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{option} {value!r}: must be a whole number")
    return value


def _number(value: Any, option: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{option} {value!r}: must be a number")
    return float(value)


def _stp(value: Any, product: Product) -> StpMode:
    modes = [mode for mode in StpMode if product is Product.SPOT or mode in PERPETUAL_STP]
    if str(value) not in modes:
        raise ConfigError(f"--stp {value}: must be one of {', '.join(modes)}")
    return StpMode(str(value))


def _limits(value: Any) -> LimitConfig:
    known = {f.name for f in fields(LimitConfig)}
    if isinstance(value, str):
        value = _pairs(value)
    if not isinstance(value, dict):
        raise ConfigError("--limits: must be NAME=N,… or, in YAML, a mapping")
    values = {str(k).replace("-", "_"): v for k, v in value.items()}
    for name, number in values.items():
        if name not in known:
            names = ", ".join(sorted(n.replace("_", "-") for n in known))
            raise ConfigError(f"--limits: unknown name {name.replace('_', '-')!r}; known: {names}")
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ConfigError(f"--limits {name.replace('_', '-')}={number}: must be a whole number, 0 = off")
    return LimitConfig(**values)


def _pairs(text: str) -> dict[str, Any]:
    """`NAME=N,…` as a mapping; what is no number stays text and is refused by name."""
    pairs: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        digits = number.strip()
        pairs[name.strip()] = int(digits) if digits.isascii() and digits.isdigit() else digits
    return pairs


def _ping_interval(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:
        raise ConfigError(f"--ping-interval {value!r}: must be seconds from 0 to 3600")
    return float(value)


def _tls(given: Mapping[str, Any]) -> TlsConfig | None:
    certificate, key = (_text(given.get(f"tls_{name}"), f"--tls-{name}") for name in ("cert", "key"))
    if certificate is None:
        if key is not None:
            raise ConfigError(f"--tls-key {key}: needs --tls-cert beside it")
        return None
    files = TlsConfig(certificate, key)
    tls_context(files)  # what is wrong with them is said before anything is opened
    return files


def _text(value: Any, option: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigError(f"{option} {value!r}: must be the path of a file")
    return value


def _switch(value: Any, option: str) -> bool:
    """YAML makes truth of `on` and `off` itself."""
    if isinstance(value, bool):
        return value
    if value not in ("on", "off"):
        raise ConfigError(f"{option} {value!r}: must be on or off")
    return bool(value == "on")


def _journal_size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000_000:
        raise ConfigError(f"--journal-size {value!r}: must be a whole number from 1 to 10000000")
    return value


def _scenario(path: Any) -> list[dict[str, Any]]:
    if path is None:
        return []
    raw = read_yaml(str(path), "--scenario")
    steps = raw.get("steps") if isinstance(raw, dict) else None
    if not isinstance(steps, list) or not all(isinstance(s, dict) for s in steps):
        raise ConfigError(f"--scenario {path}: must hold `steps`, a list of mappings")
    for index, step in enumerate(
        steps
    ):  # its fields are checked against symbols and accounts when the venue stands
        if step.get("action") not in ACTIONS:
            raise ConfigError(f"--scenario {path}: steps[{index}].action must be one of {', '.join(ACTIONS)}")
    return steps

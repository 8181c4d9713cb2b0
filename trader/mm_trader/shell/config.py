"""Reads a trader's config file and the secrets it names. Whatever is wrong becomes one line that names file and field.

The models are `mm_api.trader_config`; secrets stay out of them and are read here, at the moment they are needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mm_api.trader_config import AdminConfig, RedisConfig, TraderConfig
from mm_trader.shell.errors import ConfigError
from mm_trader.shell.plugins import PluginError, strategies_for
from mm_trader.strategy.parameters import ParameterError
from mm_trader.strategy.registry import validate_parameters

REDIS_PASSWORD_VARIABLE = "MM_REDIS_PASSWORD"  # noqa: S105 - a variable's name
ADMIN_TOKEN_VARIABLE = "MM_ADMIN_TOKEN"  # noqa: S105 - a variable's name


class _TwiceError(ValueError):
    """A field stands twice."""


class _OnceLoader(yaml.SafeLoader):
    """YAML lets the last of two equal keys win without a word: a second `risk:` block would put every limit of the first back to its default."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As the safe loader does, each key once."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                raise _TwiceError(
                    f"{key.value}: stands twice, in lines {lines[key.value]} and {line}; keep one"
                )
            lines[key.value] = line
        return super().construct_mapping(node, deep)


def load_config(path: str | Path) -> TraderConfig:
    """The validated config. Raises ConfigError with one line."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    try:
        data = yaml.load(text, _OnceLoader)  # noqa: S506 - a SafeLoader
    except _TwiceError as error:
        raise ConfigError(f"{file}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {_one_line(str(error))}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: must be a mapping of fields, such as `symbols: [ETHUSDC]`")
    return parse_config(data, str(file))


def parse_config(data: Mapping[str, Any], source: str) -> TraderConfig:
    """Validate what a file held. Raises ConfigError naming `source` and the first wrong field."""
    try:
        config = TraderConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(error)}") from error
    check_strategy(config, source)
    return config


def check_strategy(config: TraderConfig, source: str) -> None:
    """The strategy is known, and takes these parameters for every symbol. Raises ConfigError naming `source` and the first wrong field."""
    strategy, where = config.strategy, "strategy.parameters"
    try:
        known = strategies_for(strategy.name)
        validate_parameters(strategy.name, strategy.parameters, known)
        for symbol in strategy.symbol_parameters or {}:
            where = f"strategy.symbolParameters.{symbol}"
            validate_parameters(strategy.name, strategy.parameters_of(symbol), known)
    except PluginError as error:
        raise ConfigError(f"{source}: strategy.name: {_one_line(str(error))}") from error
    except ParameterError as error:
        problem = error.problems[0].replace("strategy.parameters", where, 1)
        raise ConfigError(f"{source}: {_one_line(problem)}") from error


def _explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "no such field"
    elif first["type"] == "missing":
        message = "is missing"
    elif (
        "input" in first
        and isinstance(first["input"], (str, int, float, bool))
        and repr(first["input"]) not in message
    ):
        message = f"{message} (it is {first['input']!r})"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return _one_line(f"{field}: {message}{more}" if field else f"{message}{more}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def redis_password(config: RedisConfig) -> str | None:
    """Password for Redis, or None. Raises ConfigError if the file that is named cannot be read."""
    if config.password_file is not None:
        return secret_file(config.password_file, "redis.passwordFile")
    return os.environ.get(REDIS_PASSWORD_VARIABLE) or None


def admin_token(config: AdminConfig) -> str | None:
    """Bearer token of the admin API, or None. Raises ConfigError if the file that is named cannot be read."""
    if config.token_file is not None:
        return secret_file(config.token_file, "admin.tokenFile")
    return os.environ.get(ADMIN_TOKEN_VARIABLE) or None


def secret_file(path: str, field: str) -> str:
    """What the file holds, without the space around it. Raises ConfigError naming `field`."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{field}: {path} cannot be read: {error}") from error
    if not text:
        raise ConfigError(f"{field}: {path} is empty")
    return text

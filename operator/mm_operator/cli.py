"""`mm-operator`: options and environment to settings, logs, signals. Exit status 0 after SIGTERM, 1 when a part failed, 2 for a wrong option."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import structlog

from mm_api.scalars import parse_duration
from mm_operator import __version__
from mm_operator.app import run_operator
from mm_operator.settings import OperatorSettings, Timing

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def parser() -> argparse.ArgumentParser:
    """Every option; each has an environment variable for the chart."""
    options = argparse.ArgumentParser(
        prog="mm-operator", description="Releases market-making traders stage by stage, on evidence."
    )
    environment = os.environ.get

    def add(name: str, variable: str, default: str | None, text: str) -> None:
        options.add_argument(
            name,
            default=environment(variable, default),
            help=f"{text} ({variable}; default: {default or 'none'})",
        )

    options.add_argument("--version", action="version", version=f"mm-operator {__version__}")
    options.add_argument(
        "--namespace",
        action="append",
        default=None,
        help="look after this namespace only; repeatable (MM_NAMESPACES, comma-separated; default: the whole cluster)",
    )
    add(
        "--own-namespace",
        "MM_OWN_NAMESPACE",
        None,
        "where the operator runs: TradingHalts of scope Cluster are obeyed there",
    )
    add(
        "--redis-url",
        "MM_REDIS_URL",
        "redis://127.0.0.1:6379/0",
        "Redis as the operator reaches it, without a password",
    )
    add("--redis-username", "MM_REDIS_USERNAME", None, "Redis user with the rights of an administrator")
    add("--redis-password-file", "MM_REDIS_PASSWORD_FILE", None, "file with its password")
    add(
        "--trader-redis-url",
        "MM_TRADER_REDIS_URL",
        None,
        "Redis as the traders reach it, if they do by another address",
    )
    add("--trader-image", "MM_TRADER_IMAGE", "mm-rebuild:dev", "image of new revisions that name none")
    add("--prometheus-url", "MM_PROMETHEUS_URL", None, "Prometheus for Custom gates")
    add("--listen", "MM_LISTEN", "0.0.0.0", "address of both ports")  # noqa: S104 - kubelet comes from outside the pod
    add("--metrics-port", "MM_METRICS_PORT", "8080", "port of /healthz, /readyz and /metrics")
    add("--webhook-port", "MM_WEBHOOK_PORT", "9101", "port of POST /alerts")
    add(
        "--webhook-token-file", "MM_WEBHOOK_TOKEN_FILE", None, "file with the bearer token that /alerts wants"
    )
    add(
        "--check-symbols",
        "MM_CHECK_SYMBOLS",
        "true",
        "ask the venue whether it lists a stage's symbols: true or false",
    )
    add("--poll", "MM_POLL", "2s", "longest time between two looks at a MarketMaker")
    add("--start-timeout", "MM_START_TIMEOUT", "10m", "a trader that has not quoted by then fails its step")
    add("--handover-timeout", "MM_HANDOVER_TIMEOUT", "30s", "longest wait for the old trader's clean stop")
    add("--lease-ttl", "MM_LEASE_TTL", "5s", "time to live of a trader's lease in Redis")
    add("--log-format", "MM_LOG_FORMAT", "json", "json or console")
    add("--log-level", "MM_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR")
    return options


def settings_from(options: argparse.Namespace) -> OperatorSettings:
    """Typed settings. Raises ValueError or OSError with a sentence that names the option."""
    names = options.namespace or [name for name in os.environ.get("MM_NAMESPACES", "").split(",") if name]
    if options.check_symbols not in ("true", "false"):
        raise ValueError("--check-symbols: true or false")
    return OperatorSettings(
        namespaces=tuple(names),
        own_namespace=options.own_namespace or _own_namespace() or (names[0] if names else "default"),
        redis_url=options.redis_url,
        redis_username=options.redis_username,
        redis_password=_secret("--redis-password-file", options.redis_password_file),
        trader_redis_url=options.trader_redis_url,
        trader_image=options.trader_image,
        prometheus_url=options.prometheus_url,
        metrics_host=options.listen,
        metrics_port=_port("--metrics-port", options.metrics_port),
        webhook_host=options.listen,
        webhook_port=_port("--webhook-port", options.webhook_port),
        webhook_token=_secret("--webhook-token-file", options.webhook_token_file),
        check_symbols=options.check_symbols == "true",
        trader_lease_ttl=_duration("--lease-ttl", options.lease_ttl),
        timing=Timing(
            poll=_duration("--poll", options.poll),
            start_timeout=_duration("--start-timeout", options.start_timeout),
            handover_timeout=_duration("--handover-timeout", options.handover_timeout),
        ),
    )


def _own_namespace() -> str | None:
    return SERVICE_ACCOUNT_NAMESPACE.read_text().strip() if SERVICE_ACCOUNT_NAMESPACE.exists() else None


def _secret(option: str, file: str | None) -> str | None:
    if not file:
        return None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise ValueError(f"{option}: {file}: {error.strerror}") from error


def _port(option: str, text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise ValueError(f"{option}: {text!r} is not a port")
    return int(text)


def _duration(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from error


def set_up_logs(level: str, form: str) -> None:
    """One line an event on standard output; kopf's and asyncio's own words only from WARNING on."""
    numeric = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format='{"level":"%(levelname)s","logger":"%(name)s","event":%(message)r}',
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if form == "console" else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        cache_logger_on_first_use=True,
    )


async def _run(settings: OperatorSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_operator(settings, stop)


def main(arguments: list[str] | None = None) -> int:
    """Entry point."""
    options = parser().parse_args(arguments)
    set_up_logs(options.log_level, options.log_format)
    try:
        settings = settings_from(options)
    except ValueError as error:
        print(f"mm-operator: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_run(settings))
    except (OSError, RuntimeError) as error:
        structlog.get_logger().error("operator_failed", error=str(error), cause=repr(error.__cause__))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

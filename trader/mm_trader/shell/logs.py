"""Structured logs: one event name and fields per line, to stdout and, if wanted, to a file of all lines and one of errors.

Nothing secret leaves: fields with a secret's name are masked, and so is any text in which a registered secret occurs.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mm_api.trader_config import LoggingConfig

MASK = "***"
_SECRET_NAMES = ("secret", "password", "token", "signature", "apikey", "api_key", "authorization")
_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
_ERROR_NAMES = frozenset({"error", "critical", "exception"})
_SHORTEST_SECRET = 8
"""Shorter values would mask ordinary words."""


class Redactor:
    """A processor that masks secrets."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def register(self, value: str | None) -> None:
        """Mask this text wherever it appears from now on."""
        if value and len(value) >= _SHORTEST_SECRET:
            self._values.add(value)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for name, value in event.items():
            event[name] = self._clean(name, value)
        return event

    def _clean(self, name: str, value: Any) -> Any:
        lowered = name.lower()
        if any(word in lowered for word in _SECRET_NAMES) and not isinstance(value, bool):
            return MASK if value else value
        if isinstance(value, str):
            for secret in self._values:
                if secret in value:
                    value = value.replace(secret, MASK)
            return value
        if isinstance(value, dict):
            return {key: self._clean(str(key), item) for key, item in value.items()}
        return value


redactor = Redactor()
"""The process's one redactor; whoever reads a secret registers it."""


class Fanout:
    """Writes each line to every output it belongs to."""

    def __init__(self, streams: list[TextIO], error_streams: list[TextIO]) -> None:
        self._streams = streams
        self._error_streams = error_streams

    def write(self, line: str, json_line: str, is_error: bool) -> None:
        """`line` to the first stream (stdout), the JSON form to the files."""
        for index, stream in enumerate(self._streams):
            stream.write((line if index == 0 else json_line) + "\n")
            stream.flush()
        if is_error:
            for stream in self._error_streams:
                stream.write(json_line + "\n")
                stream.flush()


def configure(config: LoggingConfig, stdout: TextIO | None = None, **bound: Any) -> None:
    """Set up structlog for the process. `bound`: fields of every line, such as the trader's name. Raises OSError if a file cannot be opened."""
    files = [_open(config.file)] if config.file else []
    errors = [_open(config.error_file)] if config.error_file else []
    fanout = Fanout([stdout or sys.stdout, *files], errors)
    json_renderer = structlog.processors.JSONRenderer(default=str)
    console = structlog.dev.ConsoleRenderer(colors=(stdout or sys.stdout).isatty())
    human = config.format == "console"

    def emit(logger: WrappedLogger, method: str, event: EventDict) -> str:
        as_json = str(json_renderer(logger, method, dict(event)))
        line = str(console(logger, method, dict(event))) if human else as_json
        fanout.write(line, as_json, method in _ERROR_NAMES)
        raise structlog.DropEvent

    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redactor,
        emit,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[config.level]),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**bound)
    _bridge_standard_logging(config.level)


def set_level(level: str) -> None:
    """Another level from now on, for every logger."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]))
    logging.getLogger().setLevel(max(_LEVELS[level], logging.WARNING))


def _open(path: str) -> TextIO:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.open("a", encoding="utf-8")


class _Bridge(logging.Handler):
    """Libraries' warnings in the same form as our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger("library")
        method = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(log, method)("library_message", library=record.name, message=record.getMessage())


def _bridge_standard_logging(level: str) -> None:
    root = logging.getLogger()
    root.handlers = [_Bridge(level=logging.WARNING)]
    root.setLevel(max(_LEVELS[level], logging.WARNING))

"""Structured logs: one event name and fields per line, to stdout and, if wanted, to a file of all lines and one of errors.

Nothing secret leaves: fields with a secret's name are masked, and so is any text in which a registered secret occurs.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from mm_api.trader_config import LoggingConfig
from mm_trader.files import still_at

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
        self._words: set[re.Pattern[str]] = set()

    def register(self, value: str | None) -> None:
        """Mask this text wherever it appears from now on; a short one where it stands as a word, as it may be part of ordinary ones."""
        if value and len(value) >= _SHORTEST_SECRET:
            self._values.add(value)
        elif value:
            self._words.add(re.compile(rf"(?<!\w){re.escape(value)}(?!\w)"))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for name, value in event.items():
            event[name] = self._clean(name, value)
        return event

    def _clean(self, name: str, value: Any) -> Any:
        lowered = name.lower()
        if any(word in lowered for word in _SECRET_NAMES) and not isinstance(value, bool):
            return MASK if value else value
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, dict):
            return {self._masked(str(key)): self._clean(str(key), item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean("", item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._masked(str(value))  # as the renderer would write it

    def _masked(self, text: str) -> str:
        for secret in self._values:
            if secret in text:
                text = text.replace(secret, MASK)
        for word in self._words:
            text = word.sub(MASK, text)
        return text


redactor = Redactor()
"""The process's one redactor; whoever reads a secret registers it."""


class Output:
    """One place that lines go to. One that fails (a full disk, a reader that has gone) loses its own lines and raises nothing.

    A log line may stand between a halt and its cancels.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self.name = name
        self.lost = 0
        """Lines, since it failed; 0 while it works."""

    def write(self, line: str) -> str:
        """Empty, or why the line is lost."""
        try:
            self._follow()
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            return str(error) or type(error).__name__
        return ""

    def _follow(self) -> None:
        """Before each line."""


class FileOutput(Output):
    """A file by its name: moved away (logrotate) or removed, it is begun anew."""

    def __init__(self, path: Path) -> None:
        """Raises OSError if it cannot be opened."""
        self._path = path
        super().__init__(self._open(), str(path))

    def _open(self) -> TextIO:
        return self._path.open("a", encoding="utf-8")

    def _follow(self) -> None:
        if not still_at(self._path, self._stream.fileno()):
            before, self._stream = self._stream, self._open()
            before.close()


class Fanout:
    """Writes each line to every output it belongs to, and says in the others which one fails, and which is back."""

    def __init__(self, stdout: Output, files: list[Output], error_files: list[Output]) -> None:
        self._stdout = stdout
        self._files = files
        self._error_files = error_files

    def write(self, line: str, json_line: str, is_error: bool, common: dict[str, Any]) -> None:
        """`line` to standard output, the JSON form to the files. `common`: fields that every line has."""
        news = self._put(self._stdout, line)
        for output in (*self._files, *(self._error_files if is_error else ())):
            news += self._put(output, json_line)
        for event in news:
            text = json.dumps({**event, **common})
            for output in (self._stdout, *self._files, *self._error_files):
                if not output.lost:
                    output.write(text)

    def _put(self, output: Output, line: str) -> list[dict[str, Any]]:
        problem = output.write(line)
        lost, output.lost = output.lost, output.lost + 1 if problem else 0
        if bool(problem) == bool(lost):
            return []
        said: dict[str, Any] = {"event": "log_output_failed", "level": "error", "reason": problem}
        if lost:
            said = {"event": "log_output_back", "level": "warning", "lost": lost}
        return [{**said, "output": output.name}]


def configure(config: LoggingConfig, stdout: TextIO | None = None, **bound: Any) -> None:
    """Set up structlog for the process. `bound`: fields of every line, such as the trader's name. Raises OSError if a file cannot be opened."""
    files = [_open(config.file)] if config.file else []
    errors = [_open(config.error_file)] if config.error_file else []
    fanout = Fanout(Output(stdout or sys.stdout, "stdout"), files, errors)
    json_renderer = structlog.processors.JSONRenderer(default=str)
    console = structlog.dev.ConsoleRenderer(colors=(stdout or sys.stdout).isatty())
    human = config.format == "console"

    def emit(logger: WrappedLogger, method: str, event: EventDict) -> str:
        as_json = str(json_renderer(logger, method, dict(event)))
        line = str(console(logger, method, dict(event))) if human else as_json
        common = {name: str(event[name]) for name in ("timestamp", "trader", "identity") if name in event}
        fanout.write(line, as_json, method in _ERROR_NAMES, common)
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


def shows_debug() -> bool:
    """Lines of level DEBUG are written. For callers on the hot path: a line that nobody sees costs its fields and a logger of its own."""
    enabled = getattr(structlog.get_config()["wrapper_class"], "is_enabled_for", None)
    return enabled is None or bool(enabled(None, logging.DEBUG))


def set_level(level: str) -> None:
    """Another level from now on, for every logger."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]))
    logging.getLogger().setLevel(max(_LEVELS[level], logging.WARNING))


def _open(path: str) -> Output:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileOutput(file)


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

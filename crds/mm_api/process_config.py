"""How the process is run, beside trading: log, recording, dead man, memory. A MarketMaker sets a `…Spec`; a `…Config` adds files and directories."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from mm_api.scalars import ApiModel, Between, Duration, Switch, Whole


class DeadManSpec(ApiModel):
    """The watcher beside the trader: it cancels its orders when it gives no sign of life. docs/risk.md has the rules."""

    timeout: Annotated[Duration, Between("1s", "5m")] = Field(
        default=timedelta(seconds=5), description="Silence after which orders are cancelled. 1s to 5m."
    )
    start_grace: Annotated[Duration, Between("1s", "1d")] = Field(
        default=timedelta(seconds=60),
        description="How long to wait for the first sign of life before orders of earlier incarnations are cancelled. 1s to 1d.",
    )
    server_switch: Switch = Field(
        default=True,
        description="Also arm the venue's own switch where it has one (Binance USD-M). It cancels a symbol's orders of others, too.",
    )


class DeadManConfig(DeadManSpec):
    """The watcher beside the trader: `mm-trader dead-man` cancels its orders when it gives no sign of life. docs/risk.md has the rules."""

    heartbeat_file: str = Field(
        min_length=1,
        description="File both processes share, best in memory (an emptyDir). Its directory must exist.",
    )


class LoggingSpec(ApiModel):
    """What is logged on standard output."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe lines that are written."
    )
    format: Literal["json", "console"] = Field(default="json", description="For machines or for people.")


class LoggingConfig(LoggingSpec):
    """Where log lines go."""

    file: str | None = Field(default=None, min_length=1, description="Also write all lines here, as JSON.")
    error_file: str | None = Field(default=None, min_length=1, description="Also write errors here, as JSON.")


class ProcessConfig(ApiModel):
    """The process itself."""

    memory_limit_mib: Whole = Field(
        default=240,
        ge=0,
        le=65536,
        description="Resident memory in MiB beyond which the trader cancels everything and ends, to be started anew. 0: never. Up to 65536.",
    )


class RecordingSpec(ApiModel):
    """Everything the kernel is told, written down for `mm-trader replay`. docs/trader.md has what it costs."""

    segment_mib: Whole = Field(
        default=32, ge=1, le=4096, description="Compressed size of a segment, MiB. 1 to 4096."
    )
    keep_segments: Whole = Field(
        default=8,
        ge=2,
        le=10_000,
        description="Segments kept; the oldest go. Bounds what the disk must hold. 2 to 10000.",
    )


class RecordingConfig(RecordingSpec):
    """Everything the kernel is told, written down for `mm-trader replay`. docs/trader.md has what it costs."""

    directory: str | None = Field(
        default=None, min_length=1, description="Where segments go. Unset: nothing is recorded."
    )

"""`mm-trader dead-man --config FILE`: the config is checked by the trader's own models, which are large; then this process becomes the small one."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

from mm_api.trader_config import TraderConfig
from mm_trader.deadman.process import Options
from mm_trader.shell.config import load_config
from mm_trader.shell.errors import ConfigError

_MS = timedelta(milliseconds=1)


def options_of(config: TraderConfig) -> Options:
    """What the dead man needs of the config. Raises ConfigError if it does not say that there is one."""
    dead_man = config.dead_man
    if dead_man is None:
        raise ConfigError("deadMan: is missing; give it a heartbeatFile that the trader shares")
    return Options(
        identity=config.identity,
        symbols=list(config.symbols),
        epoch=config.epoch,
        kind=config.venue.kind.value,
        rest_url=config.venue.rest_url,
        credentials_dir=config.venue.credentials_dir,
        recv_window_ms=config.venue.recv_window // _MS,
        heartbeat_file=dead_man.heartbeat_file,
        timeout_ms=dead_man.timeout // _MS,
        start_grace_ms=dead_man.start_grace // _MS,
        server_switch=dead_man.server_switch,
    )


def launch(path: str) -> int:
    """Become the dead man. Returns only if the config cannot be used: 2."""
    try:
        options = options_of(load_config(path))
    except ConfigError as error:
        sys.stderr.write(f"mm-trader: {error}\n")
        return 2
    text = json.dumps(options._asdict())
    return os.execv(sys.executable, [sys.executable, "-m", "mm_trader.deadman.process", text])  # noqa: S606 - our own program, no shell

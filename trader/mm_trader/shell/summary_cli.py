"""`mm-trader summary`: asks a running trader for its hourly check and daily summary, and prints them."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

import msgspec

from mm_api.trader_config import AdminConfig
from mm_trader.shell.config import admin_token
from mm_trader.shell.errors import ConfigError
from mm_trader.shell.summary import Reports, text

TIMEOUT_S = 5.0


def run(url: str, token_file: str | None) -> int:
    """0: nothing to look at. 1: problems. 2: no answer."""
    if not url.startswith(("http://", "https://")):
        return _fail(f"--url: {url} is no http address; write it like http://127.0.0.1:9100")
    try:
        token = admin_token(AdminConfig(token_file=token_file))
    except ConfigError as error:
        return _fail(f"--token-file: {error}")
    request = urllib.request.Request(f"{url.rstrip('/')}/admin/summary")  # noqa: S310 - the scheme is checked above
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310 - the same
            reports = msgspec.json.decode(reply.read(), type=Reports)
    except urllib.error.HTTPError as error:
        return _fail(f"{url}: {error.code}: {error.read().decode(errors='replace').strip()}")
    except (OSError, msgspec.DecodeError) as error:
        return _fail(f"{url}: no trader answers there: {error}")
    sys.stdout.write(text(reports.hour) + "\n\n" + text(reports.day) + "\n")
    return 1 if reports.hour.problems or reports.day.problems else 0


def _fail(message: str) -> int:
    sys.stderr.write(f"mm-trader summary: {message}\n")
    return 2

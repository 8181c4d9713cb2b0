"""The options of `record` and `check`, apart from what runs them: building the command line, also that of `simulate`, must not import a trader."""

from __future__ import annotations

import argparse
from typing import Any

STREAM_URL = "wss://data-stream.binance.vision"
REST_URL = "https://data-api.binance.vision"
RECORD_EXAMPLES = """\
examples:
  mm-trader record --symbols ETHUSDC,BTCUSDC --out recorded/
  mm-trader record --symbols ETHUSDC --out recorded/ --stream-url ws://127.0.0.1:9443 --rest-url http://127.0.0.1:9443
  mm-trader simulate --port 9443 --symbols ETHUSDC --market replay:recorded/ethusdc_20260101T000000.jsonl.gz

Ctrl-C or SIGTERM ends it cleanly. Futures: --stream-url wss://fstream.binance.com --rest-url https://fapi.binance.com --product usdm
"""

CHECK_DESCRIPTION = """\
Runs the full-chain list: start-up, function, faults (disconnect, time-out, breaker, emergency stop, data recovery), performance, monitoring, and an
orderly end. Without --config against a simulator that it starts itself; with it at that config's venue, with journal, identity and ports of its own
and state in memory, so that nothing of a running trader is touched. Real orders are placed there. Faults are injected at a simulator alone.
"""
CHECK_EXIT = (
    "exit status: 0 every item passed or was skipped with a reason, 1 one did not, 2 it could not begin"
)


def seconds(text: str) -> float:
    """A length of time for argparse. Raises ArgumentTypeError for what is none, or not above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"a number of seconds above 0, not {text!r}")
    return value


def add_record(commands: Any) -> None:
    """Add `record` to the command line."""
    parser = commands.add_parser(
        "record",
        help="record market streams into files that simulate and the back-test play",
        description="Records bookTicker, depth@100ms and trade of each symbol, with a depth snapshot, as lines of `receive-ns frame` (gzip).",
        epilog=RECORD_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--symbols", required=True, metavar="LIST", help="in the venue's form, such as ETHUSDC,BTCUSDC")
    add("--out", required=True, metavar="DIR", help="where the files go; made if it is not there")
    add(
        "--stream-url",
        default=STREAM_URL,
        metavar="URL",
        help=f"base of the market streams (default {STREAM_URL})",
    )
    add(
        "--rest-url",
        default=REST_URL,
        metavar="URL",
        help=f"base of REST, for snapshots (default {REST_URL})",
    )
    add("--product", choices=("spot", "usdm"), default="spot", help="usdm: USD-M futures (default spot)")
    add(
        "--rotate",
        default="24h",
        metavar="TIME",
        help="a new file each so often, counted from midnight UTC (default 24h)",
    )
    add("--seconds", type=seconds, metavar="N", help="stop after N seconds (default: until Ctrl-C)")


def add_check(commands: Any) -> None:
    """Add `check` to the command line."""
    parser = commands.add_parser(
        "check",
        help="run the full-chain list against a venue and print it ticked",
        description=CHECK_DESCRIPTION,
        epilog=CHECK_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", metavar="FILE", help="a trader's config (default: an embedded simulator)")
    parser.add_argument(
        "--real-money", action="store_true", help="allow it at mainnet: it places and cancels real orders"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON lines")
    parser.add_argument("--keep", metavar="DIR", help="keep logs, journal and recording here")

"""Runs the list and prints it ticked. The exit status tells whether the chain is whole."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import msgspec

from mm_api.kinds.common import Environment
from mm_trader.shell.check.bench import (
    ACCOUNT,
    BALANCES,
    Bench,
    NotYetError,
    Program,
    Venue,
    embedded_config,
    until,
)
from mm_trader.shell.check.item import START_S, Item, SkippedError
from mm_trader.shell.check.items import ITEMS
from mm_trader.shell.config import load_config
from mm_trader.shell.errors import ConfigError

KEY_VARIABLE, SECRET_VARIABLE = "MM_API_KEY", "MM_SECRET_KEY"
ACCOUNT_PREFIX = "MM_CHECK_ACCOUNT_"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One answered item."""

    section: str
    title: str
    verdict: str
    """passed, failed or skipped."""
    detail: str
    seconds: float


def run(args: argparse.Namespace) -> int:
    """The exit status."""
    if args.config is not None:
        try:
            config = load_config(args.config)
        except ConfigError as error:
            return _fail(str(error))
        if config.venue.environment is Environment.MAINNET and not args.real_money:
            return _fail(
                f"{args.config}: venue.environment is mainnet: this places real orders; say --real-money if you mean it"
            )
    if args.keep is not None:
        Path(args.keep).mkdir(parents=True, exist_ok=True)
        return asyncio.run(_check(args, Path(args.keep)))
    with tempfile.TemporaryDirectory(prefix="mm-check-") as directory:
        return asyncio.run(_check(args, Path(directory)))


async def _check(args: argparse.Namespace, directory: Path) -> int:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        simulator: Program | None = None
        try:
            if args.config is None:
                simulator, bench = await _embedded(http, directory)
            else:
                config = load_config(args.config)
                bench = Bench(config, directory, {})
                if config.venue.environment is Environment.SIMULATOR:
                    bench.venue = Venue(http, config.venue.rest_url.rstrip("/"), None)
            bench.http = http
            return await _run(bench, as_json=args.json)
        except NotYetError as error:
            return _fail(str(error))
        finally:
            if "bench" in locals():
                await bench.trader.end(signal.SIGTERM, 20)
                await bench.trader.end(signal.SIGKILL, 5)
            if simulator is not None:
                await simulator.end(signal.SIGTERM, 5)
                await simulator.end(signal.SIGKILL, 5)


async def _embedded(http: aiohttp.ClientSession, directory: Path) -> tuple[Program, Bench]:
    key, secret = secrets.token_hex(16), secrets.token_hex(16)
    words = [sys.executable, "-m", "mm_trader.venue.simulator", "--port", "0", "--market", "seeded:7:calm"]
    simulator = Program(
        [*words, "--accounts-from-env", ACCOUNT_PREFIX],
        directory / "simulator.out",
        {f"{ACCOUNT_PREFIX}1": f"{ACCOUNT}:{key}:{secret}:{BALANCES}"},
    )
    await simulator.start()

    async def announced() -> str:
        if simulator.ended is not None:
            raise NotYetError(f"the simulator ended: {simulator.text()[-300:]}")
        text = simulator.text()
        return text.split(" on ", 1)[1].split()[0] if " on http" in text and "accounts" in text else ""

    url = await until(announced, "the simulator listens", START_S)
    bench = Bench(embedded_config(url), directory, {KEY_VARIABLE: key, SECRET_VARIABLE: secret})
    bench.venue = Venue(http, url, ACCOUNT)
    return simulator, bench


async def _run(bench: Bench, *, as_json: bool) -> int:
    venue = bench.config.venue
    if not as_json:
        print(f"mm-trader check at {venue.environment.value} {venue.rest_url}", flush=True)
    results: list[Result] = []
    section = ""
    for item in ITEMS:
        if not as_json and item.section != section:
            print(item.section, flush=True)
        section = item.section
        result = await _answer(item, bench)
        results.append(result)
        print(json.dumps(msgspec.to_builtins(result)) if as_json else _line(result), flush=True)
        if result.verdict == "failed" and item is ITEMS[0]:
            break  # without a trader there is nothing to ask
    failed = [result for result in results if result.verdict == "failed"]
    skipped = [result for result in results if result.verdict == "skipped"]
    if not as_json:
        print(
            f"{len(results) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped"
            + ("" if not failed else ": " + ", ".join(result.title for result in failed))
        )
    return 1 if failed else 0


async def _answer(item: Item, bench: Bench) -> Result:
    began = time.monotonic()
    verdict, detail = "passed", ""
    try:
        if item.faulty and bench.venue is None:
            raise SkippedError("faults are injected at a simulator alone")
        detail = await item.run(bench)
    except SkippedError as reason:
        verdict, detail = "skipped", str(reason)
    except (NotYetError, aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
        verdict, detail = "failed", f"{error}" or type(error).__name__
    return Result(
        section=item.section,
        title=item.title,
        verdict=verdict,
        detail=detail,
        seconds=round(time.monotonic() - began, 2),
    )


def _line(result: Result) -> str:
    mark = {"passed": "x", "failed": "!", "skipped": "-"}[result.verdict]
    words = {"passed": "", "failed": "FAILED: ", "skipped": "skipped: "}[result.verdict]
    return f"  [{mark}] {result.title}: {words}{result.detail}"


def _fail(message: str) -> int:
    print(f"mm-trader check: {message}", file=sys.stderr)
    return 2

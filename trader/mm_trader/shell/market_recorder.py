"""`mm-trader record`: market streams of any Binance address into files that `simulate --market replay:` and the back-test read.

One line = receive time in ns (UTC), a space, the raw frame; one file per symbol and period, gzip. Each file begins with differences and, as soon as it
answers, one REST depth snapshot, so that it can be played alone; after a lost connection another snapshot follows, because differences are missing.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import re
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from mm_api.scalars import SYMBOL_PATTERN, parse_duration

CHANNELS = ("bookTicker", "depth@100ms", "trade")
SNAPSHOT_LEVELS = 1000
SNAPSHOT_TRIES = 8
FLUSH_EVERY_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
SILENCE_S = 60.0
"""A connection that says nothing for so long is made anew."""
MAX_FRAME = 16 * 2**20
UNLISTED = b"-1121"
"""The venue's code for a symbol that it does not have."""
log = structlog.get_logger("record")


class SymbolFile:
    """The files of one symbol."""

    def __init__(self, directory: Path, symbol: str) -> None:
        self._directory = directory
        self._symbol = symbol
        self._file: gzip.GzipFile | None = None
        self.lines = 0
        self.paths: list[Path] = []

    def begin(self, wall_ns: int) -> None:
        """Another file. Raises OSError."""
        self.close()
        stamp = datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%Y%m%dT%H%M%S")
        path = self._directory / f"{self._symbol.lower()}_{stamp}.jsonl.gz"
        self._file = gzip.open(path, "ab", compresslevel=6)  # noqa: SIM115 - closed by close()
        self.paths.append(path)

    def write(self, wall_ns: int, frame: bytes) -> None:
        """One line."""
        assert self._file is not None, "begin() comes first"
        self._file.write(b"%d %s\n" % (wall_ns, frame.replace(b"\n", b" ")))
        self.lines += 1

    def flush(self) -> None:
        """To the system: a kill loses no more than what came since."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """End the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _Named(msgspec.Struct):
    stream: str = ""


class MarketRecorder:
    """Records until `stop` is set."""

    def __init__(
        self,
        symbols: Sequence[str],
        out: Path,
        *,
        stream_url: str,
        rest_url: str,
        product: str,
        rotate_s: float,
    ) -> None:
        self._files = {symbol.lower(): SymbolFile(out, symbol) for symbol in symbols}
        names = [f"{symbol.lower()}@{channel}" for symbol in symbols for channel in CHANNELS]
        self._url = f"{stream_url.rstrip('/')}/stream?streams={'/'.join(names)}"
        self._rest = rest_url.rstrip("/") + ("/fapi/v1/depth" if product == "usdm" else "/api/v3/depth")
        self._rotate_ns = round(rotate_s * 1e9)
        self._period = -1
        self._named = msgspec.json.Decoder(_Named)
        self._snapshots: set[asyncio.Task[None]] = set()
        self.stop = asyncio.Event()
        self.ignored = 0
        """Frames of no symbol of ours."""

    @property
    def files(self) -> list[Path]:
        """Everything written so far."""
        return [path for file in self._files.values() for path in file.paths]

    @property
    def lines(self) -> int:
        """Of all files."""
        return sum(file.lines for file in self._files.values())

    async def unlisted(self) -> list[str]:
        """Symbols that the venue says it does not list: their streams would be silent for ever. One that cannot be asked about is not among them."""
        import aiohttp

        found = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
            for symbol in self._files:
                try:
                    params = {"symbol": symbol.upper(), "limit": "5"}
                    async with http.get(self._rest, params=params) as reply:
                        if reply.status == 400 and UNLISTED in await reply.read():
                            found.append(symbol.upper())
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    log.warning("symbol_not_checked", symbol=symbol.upper(), problem=str(error))
        return found

    async def run(self) -> None:
        """Connect, again and again, until told to stop. Raises OSError if a file cannot be written."""
        flushing = asyncio.create_task(self._flush())
        pause = FIRST_PAUSE_S
        try:
            while not self.stop.is_set():
                try:
                    pause = FIRST_PAUSE_S if await self._connected() else min(2 * pause, LONGEST_PAUSE_S)
                except DiskError as error:
                    raise error.cause from error
                if not self.stop.is_set():
                    await _first(asyncio.sleep(pause), self.stop.wait())
        finally:
            flushing.cancel()
            for task in self._snapshots:
                task.cancel()
            for file in self._files.values():
                file.close()

    async def _connected(self) -> bool:
        """One connection's life. True: it brought frames."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        seen = 0
        try:
            async with connect(self._url, max_size=MAX_FRAME, max_queue=4096) as socket:
                log.info("recording", url=self._url)
                stopping = asyncio.create_task(self.stop.wait())
                stopping.add_done_callback(lambda _: asyncio.ensure_future(socket.close()))
                try:
                    while True:
                        async with asyncio.timeout(SILENCE_S):
                            frame = await socket.recv(decode=False)
                        self._take(time.time_ns(), frame, fresh=not seen)
                        seen += 1
                finally:
                    stopping.cancel()
        except (WebSocketException, OSError, TimeoutError) as error:
            if not self.stop.is_set():
                log.warning("stream_lost", problem=str(error) or type(error).__name__)
        return seen > 0

    def _take(self, wall_ns: int, frame: bytes, *, fresh: bool) -> None:
        """A frame into its symbol's file; new files when a period or a connection begins."""
        period = wall_ns // self._rotate_ns
        try:
            if period != self._period:
                self._period = period
                for file in self._files.values():
                    file.begin(wall_ns)
                fresh = True
            try:
                symbol = self._named.decode(frame).stream.partition("@")[0]
            except msgspec.DecodeError:
                symbol = ""
            target = self._files.get(symbol)
            if target is None:
                self.ignored += 1
            else:
                target.write(wall_ns, frame)
        except OSError as error:
            raise DiskError(error) from error
        if fresh:
            for name in self._files:
                task = asyncio.create_task(self._snapshot(name))
                self._snapshots.add(task)
                task.add_done_callback(self._snapshots.discard)

    async def _snapshot(self, symbol: str) -> None:
        """The depth snapshot of one symbol into its file, as one line."""
        import aiohttp

        params = {"symbol": symbol.upper(), "limit": str(SNAPSHOT_LEVELS)}
        for attempt in range(SNAPSHOT_TRIES):
            try:
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
                    http.get(self._rest, params=params) as reply,
                ):
                    body = await reply.read()
                    if reply.status == 200 and b'"lastUpdateId"' in body:
                        self._files[symbol].write(time.time_ns(), body.strip())
                        return
                    problem = f"{reply.status}: {body[:200].decode(errors='replace')}"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
            log.warning("snapshot_failed", symbol=symbol, problem=problem)
            await asyncio.sleep(min(2.0**attempt, LONGEST_PAUSE_S))

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            for file in self._files.values():
                file.flush()


class DiskError(Exception):
    """A file cannot be written: no reason to connect again."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def _first(*work: Any) -> None:
    tasks = [asyncio.ensure_future(one) for one in work]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def run(args: argparse.Namespace) -> int:
    """0: stopped as asked, with frames. 1: nothing was recorded, or the disk failed. 2: an option is wrong."""
    symbols = [symbol for symbol in args.symbols.split(",") if symbol]
    bad = [symbol for symbol in symbols if not re.fullmatch(SYMBOL_PATTERN, symbol)]
    if bad or not symbols:
        return _fail(f"--symbols: {', '.join(bad) or 'none'}: write them like ETHUSDC,BTCUSDC", 2)
    try:
        rotate_s = parse_duration(args.rotate).total_seconds()
    except ValueError as error:
        return _fail(f"--rotate: {error}", 2)
    if rotate_s < 1:
        return _fail("--rotate: at least 1s", 2)
    out = Path(args.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_record(symbols, out, rotate_s, args))
    except OSError as error:
        return _fail(f"--out: {error.filename or out}: {error.strerror or error}", 1)


async def _record(symbols: list[str], out: Path, rotate_s: float, args: argparse.Namespace) -> int:
    recorder = MarketRecorder(
        symbols,
        out,
        stream_url=args.stream_url,
        rest_url=args.rest_url,
        product=args.product,
        rotate_s=rotate_s,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, recorder.stop.set)
    if args.seconds is not None:
        loop.call_later(args.seconds, recorder.stop.set)
    if strangers := await recorder.unlisted():
        return _fail(f"--symbols: {', '.join(strangers)}: the venue does not list it", 2)
    await recorder.run()
    for path in recorder.files:
        sys.stdout.write(f"{path}\n")
    sys.stdout.write(f"{recorder.lines:,} frames\n")
    return 0 if recorder.lines else 1


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"mm-trader record: {message}\n")
    return status

"""What a trader writes down of its orders and fills: the journal on disk, and the write-behind to a store in memory. No faults; see `disk` for those."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mm_trader.core.clock import ManualClock
from mm_trader.core.commands import FillBooked, OrderChanged
from mm_trader.kernel import Kernel
from mm_trader.shell.journal import Journal
from mm_trader.shell.store.memory import MemoryStore
from mm_trader.shell.store.port import Token
from mm_trader.shell.writer import Writer

IDENTITY, HOLDER, EPOCH = "bench", "scribe", 1
FOR_EVER_MS = 10**15
FLUSH_S = 30.0


class Scribe:
    """Does with records what the shell's effects do, and with the evidence what its reporter does."""

    def __init__(self, directory: Path, kernel: Kernel) -> None:
        self._kernel = kernel
        self._clock = ManualClock()
        self._loop = asyncio.new_event_loop()
        self._journal = Journal(directory, self._clock)
        self._journal.open()
        store = MemoryStore(IDENTITY, self._clock)
        self._writer = Writer(store, IDENTITY, self._refused, lambda: self._refused("behind"))
        lease = self._loop.run_until_complete(store.acquire(HOLDER, FOR_EVER_MS, EPOCH, issue_own=True))
        self._journal.start((EPOCH, lease.counter), lease.counter, "bench")
        self._writer.follow(Token(holder=HOLDER, epoch=EPOCH, counter=lease.counter), "")
        self._writer.repair([], kernel.ledger(), [], set())
        self._running = self._loop.create_task(self._writer.run())

    @property
    def lines(self) -> int:
        """Of the journal."""
        return self._journal.lines_written

    def order(self, command: OrderChanged) -> None:
        """Journal and mirror."""
        record = command.record
        self._journal.order(record, closed=command.closed, cause=command.cause)
        self._writer.order(record, closed=command.closed)

    def fill(self, command: FillBooked) -> None:
        """Journal and store, with the ledger."""
        ledger = self._kernel.ledger()
        self._journal.fill(command.record, ledger)
        self._writer.fill(command.record, ledger)

    def report(self, elapsed_ns: int) -> None:
        """So much time has passed: the evidence is due, and the store takes all that waits. Raises RuntimeError if it does not."""
        self._clock.advance(elapsed_ns)
        self._writer.evidence(self._kernel.evidence(self._clock.wall_ns()))
        if not self._loop.run_until_complete(self._writer.flush(FLUSH_S)):
            raise RuntimeError(f"{self._writer.pending} writes wait for ever")

    def close(self) -> None:
        """Give the directory and the loop back."""
        self._running.cancel()
        self._loop.run_until_complete(asyncio.gather(self._running, return_exceptions=True))
        self._loop.close()
        self._journal.close()

    def _refused(self, why: object) -> None:
        raise RuntimeError(f"the store refused: {why}")

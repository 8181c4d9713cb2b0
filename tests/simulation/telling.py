"""What the kernel of this process decides, as digests, one line each: `telling.py FIRST SEEDS`. `test_compiled.py` runs it twice and compares.

The whole story of each seed of the simulation, and every strategy's commands on a recording (or a synthetic one).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "bench"))

import bench_kernel
from benchkit import recording_of
from dst.world import run
from run import data_dir

from mm_trader.core import events as ev
from mm_trader.core.commands import Command
from mm_trader.kernel import COMPILED


class Listening(bench_kernel.Venue):
    """Keeps a digest of the commands it is given."""

    digest = hashlib.sha256()

    def answer(self, command: Command, ts: int) -> list[ev.Event]:
        self.digest.update(repr(command).encode())
        return super().answer(command, ts)


def main() -> None:
    print("compiled" if COMPILED else "interpreted")
    first, seeds = int(sys.argv[1]), int(sys.argv[2])
    for seed in range(first, first + seeds):
        outcome = run(seed)
        story = hashlib.sha256(outcome.story(last=10**9).encode()).hexdigest()
        print(f"seed {seed}: {outcome.steps} steps, {outcome.orders} orders, {story}")
    bench_kernel.Venue = Listening  # type: ignore[misc]
    recording = recording_of(data_dir(), "ETHUSDT")
    for strategy in bench_kernel.STRATEGIES:
        Listening.digest = hashlib.sha256()
        _, counts, kernel = bench_kernel.replay(recording, strategy)
        state = f"{kernel.ledger()} {kernel.open_orders()}".encode()
        print(
            f"{strategy}: {dict(counts)} {Listening.digest.hexdigest()} {hashlib.sha256(state).hexdigest()}"
        )


main()

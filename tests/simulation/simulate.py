"""Run seeds of the deterministic simulation: `make simulate SEEDS=1000`, or one again with its story: `simulate.py --seed 17`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from dst.world import Outcome, run

AGAIN = ".venv/bin/python tests/simulation/simulate.py --seed {seed}"


def _one(seed: int) -> Outcome:
    outcome = run(seed)
    if not outcome.violations:
        outcome.log = []
    return outcome


def main() -> int:
    """Exit status: 0 if no seed found anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="only this one, and tell its whole story")
    options = parser.parse_args()
    if options.seed is not None:
        outcome = run(options.seed)
        print(outcome.story(last=10**9))
        print(_summary(outcome))
        return bool(outcome.violations)
    began = time.monotonic()
    failed: list[Outcome] = []
    totals = [0, 0, 0, 0]
    with ProcessPoolExecutor(options.workers) as pool:
        seeds = range(options.first, options.first + options.seeds)
        for done, outcome in enumerate(pool.map(_one, seeds, chunksize=4), 1):
            for index, number in enumerate(
                (outcome.steps, outcome.orders, outcome.trades, outcome.processes)
            ):
                totals[index] += number
            if outcome.violations:
                failed.append(outcome)
                print(f"\n{_summary(outcome)}", flush=True)
            if done % 100 == 0:
                print(f"{done} seeds, {time.monotonic() - began:.0f} s", flush=True)
    print(
        f"{options.seeds} seeds in {time.monotonic() - began:.0f} s on {options.workers} processes: {totals[0]} steps, "
        f"{totals[1]} orders, {totals[2]} trades, {totals[3]} trader processes; {len(failed)} seeds failed"
    )
    if failed:
        print(f"\nthe end of seed {failed[0].seed}:\n{failed[0].story(120)}")
        print("\nfailed: " + " ".join(str(outcome.seed) for outcome in failed))
        print("again: " + AGAIN.format(seed=failed[0].seed))
    return bool(failed)


def _summary(outcome: Outcome) -> str:
    found = "; ".join(outcome.violations[:3]) or "nothing found"
    return (
        f"seed {outcome.seed}: {found}\n  {outcome.virtual_s:.1f} virtual s, {outcome.steps} steps, {outcome.orders} orders, "
        f"{outcome.trades} trades, {outcome.processes} trader processes; again: {AGAIN.format(seed=outcome.seed)}"
    )


if __name__ == "__main__":
    sys.exit(main())

"""`make fuzz`: every target for its time from the kept corpus; what is new and worth it is kept.

Exit status 1 when a target found something: the input is in build/fuzz/, and `python tests/fuzz/run.py --try FILE
TARGET` repeats it. Put it into the corpus with the mend (`--keep FILE TARGET`), so that it stays mended.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import corpus
from targets import TARGETS, seeds

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "fuzz"
MAX_LEN = 2048
RSS_MIB = 1500
ONE_INPUT_S = 60
"""By the clock: on a machine that is busy with other things a tenth of it may pass without a step."""


def fuzz(target: str, seconds: int) -> bool:
    """Run one target; whether it stayed clean."""
    work, merged = BUILD / target / "work", BUILD / target / "merged"
    shutil.rmtree(BUILD / target, ignore_errors=True)
    corpus.unpack([*corpus.load(target), *seeds(target)], work)
    found = BUILD / f"{target}-"
    command = [str(HERE / "fuzz.py"), f"-artifact_prefix={found}"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "MM_FUZZ_TARGET": target, "PATH": path}
    limits = [f"-max_len={MAX_LEN}", f"-timeout={ONE_INPUT_S}", f"-rss_limit_mb={RSS_MIB}"]
    log = BUILD / f"{target}.log"
    with log.open("w") as out:
        code = subprocess.run(
            [*command, *limits, f"-max_total_time={seconds}", "-verbosity=0", "-print_final_stats=1", str(work)],
            stdout=out, stderr=subprocess.STDOUT, check=False, env=environment,
        ).returncode  # fmt: skip
    if code:
        print(f"{target}: found something, see {log}", flush=True)
        return False
    merged.mkdir()
    with log.open("a") as out:
        subprocess.run(
            [*command, "-merge=1", "-verbosity=0", str(merged), str(work)],
            stdout=out, stderr=subprocess.STDOUT, check=True, env=environment,
        )  # fmt: skip
    runs = next((line.split()[-1] for line in log.read_text().splitlines() if "executed_units" in line), "?")
    kept = corpus.save(target, corpus.pack(merged))
    print(f"{target}: clean, {runs} inputs in {seconds} s, {kept} kept", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)"
    )
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default 600)")
    parser.add_argument(
        "--try", dest="repeat", type=Path, metavar="FILE", help="run one input and nothing else"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="put one input into the corpus")
    args = parser.parse_args()
    unknown = set(args.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {sorted(unknown)[0]}; there are {', '.join(TARGETS)}")
    targets = args.targets or list(TARGETS)
    if args.repeat or args.keep:
        for target in targets:
            data = (args.repeat or args.keep).read_bytes()
            if args.keep:
                corpus.save(target, [*corpus.load(target), data])
            TARGETS[target](data)
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    clean = [fuzz(target, args.seconds) for target in targets]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())

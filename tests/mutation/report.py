"""Prints what was judged, and writes it into docs/mutation.md (the table) and docs/mutation-survivors.md (each survivor with its explanation)."""

from __future__ import annotations

import math
import os
import re
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
from judge import Plan, judged
from mutants import Mutant

LEAST = 85.0
"""Per cent of all mutants that some test must notice."""
EXPLAINED = Path(__file__).with_name("survivors.toml")
_MARKS = re.compile(r"(?<=<!-- judged -->\n).*?(?=<!-- /judged -->)", re.DOTALL)
_CAUGHT = ("killed", "timed out")
_COLUMNS = ("killed", "timed out", "survived", "no test", "not judged")


def explanations() -> dict[str, dict[str, str]]:
    """By function (without `mm_trader.`): changed line, or `*` for all of the function, → why it survives."""
    return tomllib.loads(EXPLAINED.read_text())


def wilson(caught: int, judged_: int) -> tuple[float, float]:
    """95 per cent confidence interval of a share, in per cent (Wilson, 1927)."""
    z, share = 1.96, caught / judged_
    middle = share + z * z / (2 * judged_)
    reach = z * math.sqrt(share * (1 - share) / judged_ + z * z / (4 * judged_ * judged_))
    return tuple(100 * (middle + sign * reach) / (1 + z * z / judged_) for sign in (-1, 1))


def row(name: str, counts: Counter[str]) -> str:
    """Of the table."""
    found = sum(counts.values()) - counts["not judged"]
    caught = sum(counts[verdict] for verdict in _CAUGHT)
    share = f"{100 * caught / found:.1f}" if found else "–"
    if found and counts["not judged"]:
        low, high = wilson(caught, found)
        share += f" ({low:.0f} to {high:.0f})"
    columns = " | ".join(str(counts[column]) for column in _COLUMNS)
    return f"| {name} | {sum(counts.values())} | {columns} | {share} |"


def table(counts: dict[str, Counter[str]]) -> str:
    """A line a file, packages and total."""
    lines = [
        "| file | mutants | killed | timed out | survived | no test | not judged | per cent caught |",
        "|---|---|---|---|---|---|---|---|",
        *(row(f"`{module}`", counts[module]) for module in counts),
    ]
    for package in sorted({module.partition(".")[0] for module in counts}):
        of_it = (counts[module] for module in counts if module.startswith(f"{package}."))
        lines.append(row(f"**{package}/**", sum(of_it, Counter())))
    lines.append(row("**all**", sum(counts.values(), Counter())))
    return "\n".join(lines) + "\n"


def listing(survivors: dict[str, list[tuple[Mutant, str]]]) -> tuple[str, int]:
    """Every survivor under its function; how many nobody has explained."""
    why = explanations()
    lines: list[str] = []
    unexplained = 0
    used: set[tuple[str, str]] = set()
    for function in survivors:
        reasons = why.get(function, {})
        lines += [f"\n## {function}", "| line | becomes | |", "|---|---|---|"]
        for mutant, verdict in survivors[function]:
            found = mutant.after if mutant.after in reasons else "*"
            used.add((function, found))
            reason = reasons.get(found, "")
            unexplained += not reason
            note = f"no test executes it; {reason}" if verdict == "no test" else reason
            lines.append(
                f"| `{_cell(mutant.before)}` | `{_cell(mutant.after)}` | {note or 'not looked at'} |"
            )
    for function, reasons in why.items():
        for change in reasons:
            if (function, change) not in used:
                print(f"{EXPLAINED.name}: no survivor is {function}: {change}")
    return "\n".join(lines) + "\n", unexplained


def _cell(code: str) -> str:
    return code.replace("|", "\\|").replace("`", "'")


def main() -> int:
    """Exit status 1: less than LEAST was caught of what was judged, or nothing was judged."""
    plan = msgspec.json.decode(os.environ["MUTATION_PLAN"], type=Plan, dec_hook=lambda kind, text: kind(text))
    sample, plan.sample = plan.sample, None
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors: dict[str, list[tuple[Mutant, str]]] = defaultdict(list)
    for mutant, verdict in judged(plan):
        name = "not judged" if verdict is None else verdict.verdict
        module = mutant.module.removeprefix("mm_trader.")
        counts[module][name] += 1
        if verdict is not None and not verdict.caught:
            survivors[f"{module}.{mutant.function}"].append((mutant, name))
    text, unexplained = listing(survivors)
    total = sum(counts.values(), Counter())
    found = sum(total.values()) - total["not judged"]
    caught = sum(total[verdict] for verdict in _CAUGHT)
    print(table(counts))
    print(f"{found - caught} survivors, {unexplained} of them not explained in {EXPLAINED.name}")
    if _whole(plan):
        page = plan.root / "docs" / "mutation.md"
        drawn = f"\nOf each file {sample} mutants were drawn with seed {plan.seed}.\n" if sample else ""
        page.write_text(_MARKS.sub(lambda _: table(counts) + drawn, page.read_text()))
        (plan.root / "docs" / "mutation-survivors.md").write_text(
            "# Mutants that survive\nWritten by `make mutation`; the explanations are those of `tests/mutation/survivors.toml`.\n"
            "What this is: [mutation testing](mutation.md).\n" + text
        )
    else:
        print(text)
    return found == 0 or 100 * caught / found < LEAST


def _whole(plan: Plan) -> bool:
    return len({module.split(".")[1] for module in plan.modules}) > 1


if __name__ == "__main__":
    sys.exit(main())

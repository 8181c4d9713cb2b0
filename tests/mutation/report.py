"""Prints what was judged, and writes it into docs/mutation.md (the table) and docs/mutation-survivors.md (each survivor with its explanation)."""

from __future__ import annotations

import math
import os
import re
import sys
from collections import Counter, defaultdict

import msgspec
from explained import FILE, Survivor, explanations, listing
from judge import Plan, judged

LEAST = 85.0
"""Per cent of all mutants that some test must notice."""
_MARKS = re.compile(r"(?<=<!-- judged -->\n).*?(?=<!-- /judged -->)", re.DOTALL)
_CAUGHT = ("killed", "timed out")
_COLUMNS = ("killed", "timed out", "survived", "no test", "not judged")


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


def main() -> int:
    """Exit status 1: less than LEAST was caught of what was judged, nothing was judged, a survivor is not explained, or an explanation explains none."""
    plan = msgspec.json.decode(os.environ["MUTATION_PLAN"], type=Plan, dec_hook=lambda kind, text: kind(text))
    sample, plan.sample = plan.sample, None
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors: dict[str, list[Survivor]] = defaultdict(list)
    for mutant, verdict in judged(plan):
        name = "not judged" if verdict is None else verdict.verdict
        module = mutant.module.removeprefix("mm_trader.")
        counts[module][name] += 1
        if verdict is not None and not verdict.caught:
            function = f"{module}.{mutant.function}"
            executed = verdict.verdict != "no test"
            survivors[function].append(Survivor(function, mutant.before, mutant.after, executed))
    whole = {module for module, of_it in counts.items() if not of_it["not judged"]}
    in_order = [survivor for of_it in survivors.values() for survivor in of_it]
    found_out = listing(in_order, explanations(), whole)
    total = sum(counts.values(), Counter())
    found = sum(total.values()) - total["not judged"]
    caught = sum(total[verdict] for verdict in _CAUGHT)
    print(table(counts))
    if _whole(plan):
        page = plan.root / "docs" / "mutation.md"
        drawn = f"\nOf each file {sample} mutants were drawn with seed {plan.seed}.\n" if sample else ""
        page.write_text(_MARKS.sub(lambda _: table(counts) + drawn, page.read_text()))
        (plan.root / "docs" / "mutation-survivors.md").write_text(
            "# Mutants that survive\nWritten by `make mutation`; the explanations are those of `tests/mutation/survivors.toml`.\n"
            "What this is: [mutation testing](mutation.md).\n" + found_out.text
        )
    else:
        print(found_out.text)
    failures = [f"not explained in {FILE.name}: {survivor}" for survivor in found_out.unexplained]
    failures += [f"{FILE.name} explains what no longer survives: {change}" for change in found_out.stale]
    if found == 0 or 100 * caught / found < LEAST:
        failures.append(f"{caught} of {found} caught: less than {LEAST} per cent")
    print(f"{found - caught} survivors, {len(found_out.unexplained)} of them not explained")
    print("\n".join(failures))
    return bool(failures)


def _whole(plan: Plan) -> bool:
    return len({module.split(".")[1] for module in plan.modules}) > 1


if __name__ == "__main__":
    sys.exit(main())

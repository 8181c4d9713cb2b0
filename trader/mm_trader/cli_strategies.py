"""`mm-trader strategies`: what can be quoted with, and what each strategy can be given."""

from __future__ import annotations

import sys

from mm_api.scalars import format_decimal
from mm_trader.shell.plugins import all_strategies
from mm_trader.strategy.base import Strategy


def run(name: str | None) -> int:
    """Print one strategy, or all. 2: there is none of that name."""
    strategies, problems = all_strategies()
    for problem in problems:
        print(f"mm-trader: {problem}", file=sys.stderr)
    if name is not None and name not in strategies:
        print(
            f"mm-trader: strategy {name!r} is not known; known are {', '.join(sorted(strategies))}",
            file=sys.stderr,
        )
        return 2
    for each, strategy in strategies.items():
        if name in (None, each):
            print(_describe(each, strategy))
    print(
        "Set them in the trader's config under strategy.name and strategy.parameters, or in a MarketMaker under spec.strategy."
    )
    return 0


def _describe(name: str, strategy: type[Strategy]) -> str:
    rows = [("parameter", "default", "legal range", "unit", "meaning")]
    rows += [
        (each.name, format_decimal(each.default), each.legal_range, each.unit, each.meaning)
        for each in strategy.parameters
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [f"{name}: {getattr(strategy, 'summary', 'a plug-in')}"]
    lines += [
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]])
        for row in rows
    ]
    return "\n".join(lines) + "\n"

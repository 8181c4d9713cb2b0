"""The state machine as text for docs/orders.md: a mermaid diagram and a table, from the one table in `states.py`. A test holds the page to it."""

from __future__ import annotations

from mm_trader.orders.states import TRANSITIONS, is_final


def mermaid() -> str:
    """`stateDiagram-v2` with every edge."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> PENDING: journaled, then sent"]
    lines += [f"    {before} --> {after}" for before, edges in TRANSITIONS.items() for after in edges]
    lines += [f"    {state} --> [*]" for state in TRANSITIONS if is_final(state)]
    return "\n".join([*lines, "```"])


def table() -> str:
    """Markdown table: from, to, what really happens."""
    lines = ["| from | to | what really happens |", "|---|---|---|"]
    lines += [
        f"| {before} | {after} | {why} |"
        for before, edges in TRANSITIONS.items()
        for after, why in edges.items()
    ]
    return "\n".join(lines)


def generated_section() -> str:
    """What stands between the markers of docs/orders.md."""
    return f"{mermaid()}\n\n{table()}\n"

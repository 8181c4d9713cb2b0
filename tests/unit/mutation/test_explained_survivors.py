"""Survivors of the mutation tests against their explanations: nothing survives unexplained, and nothing is explained that does not survive."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_spec = importlib.util.spec_from_file_location("mutation_explained", ROOT / "tests/mutation/explained.py")
assert _spec is not None
assert _spec.loader is not None
explained = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = explained
_spec.loader.exec_module(explained)

FUNCTION = "risk.parts.Part.act"
SURVIVOR = explained.Survivor(FUNCTION, "x = 1", "x = 2")


def test_a_survivor_is_listed_with_its_own_reason_before_that_of_its_function() -> None:
    other = explained.Survivor(FUNCTION, "a | b", "a & b")
    found = explained.listing([SURVIVOR, other], {FUNCTION: {"x = 2": "own", "*": "all"}}, {"risk.parts"})
    assert "| `x = 1` | `x = 2` | own |" in found.text
    assert "| `a \\| b` | `a & b` | all |" in found.text
    assert found.text.count(f"## {FUNCTION}") == 1
    assert (found.unexplained, found.stale) == ([], [])


def test_a_survivor_without_a_reason_is_named() -> None:
    never = explained.Survivor(FUNCTION, "y = 1", "y = 2", executed=False)
    found = explained.listing([SURVIVOR, never], {FUNCTION: {"x = 3": "of another"}}, ())
    assert found.unexplained == [f"{FUNCTION}: x = 2", f"{FUNCTION}: y = 2"]
    assert "| `y = 1` | `y = 2` | no test executes it; **not explained** |" in found.text


@pytest.mark.parametrize("change", ["x = 3", "*"])
def test_a_reason_that_explains_nothing_is_named_where_all_was_judged(change: str) -> None:
    why = {FUNCTION: {"x = 2": "own", change: "of what is caught by now"}}
    assert explained.listing([SURVIVOR], why, {"risk.parts"}).stale == [f"{FUNCTION}: {change}"]
    assert explained.listing([SURVIVOR], why, {"risk.others"}).stale == []


def functions(path: Path) -> set[str]:
    """Names as mutants have them: of functions, and of methods with their class."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
    return found


def test_every_explanation_is_of_a_function_that_exists() -> None:
    missing = []
    for function in explained.explanations():
        package, module, name = function.split(".", 2)
        path = ROOT / "trader/mm_trader" / package / f"{module}.py"
        if not path.exists() or name not in functions(path):
            missing.append(function)
    assert missing == []

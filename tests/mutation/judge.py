"""A pytest plugin that, in place of running the tests, judges mutants by them: `run.py` starts it.

Pytest starts and collects once. A first child runs every test and notes which lines it executes and how long it takes. Then each mutant gets a
child of its own: it puts the mutant into place and runs the tests that execute the changed line until one fails, those first that noticed others of
that function, then those that execute the least. Processor time is limited, not time: a busy machine makes no mutant look hung.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings
from mutants import FileMutants, Mutant, put_into_place
from verdicts import Trace, Traces, Verdict, Verdicts, version

import coverage

SLOWEST_S = 1.0
"""A test that takes longer judges nothing: it would be waited for with every mutant that survives."""
EXAMPLES = 25
"""Of a property test. Fixed ones, so that a verdict can be repeated."""
_HUNG = 255


class Plan(msgspec.Struct):
    """What to judge; JSON in the environment's MUTATION_PLAN."""

    root: Path
    """Of the checkout."""
    build: Path
    modules: list[str]
    workers: int
    sample: int | None = None
    """So many of each file at most, drawn with `seed`; None: all."""
    seed: int = 1
    budget_s: float = 20.0
    """Processor time of the tests that a mutant is judged by: the most likely ones and the quickest, as many as fit."""


def chosen(plan: Plan, module: str) -> list[Mutant]:
    """The mutants of a file that are to be judged."""
    mutants = list(FileMutants(plan.root / "trader", module))
    if plan.sample is None or len(mutants) <= plan.sample:
        return mutants
    return random.Random(f"{plan.seed} {module}").sample(mutants, plan.sample)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Property tests with few, fixed examples, and no search for the smallest one that fails."""
    for item in items:
        function = getattr(item, "obj", None)
        used = getattr(function, "_hypothesis_internal_use_settings", None)
        if used is not None:
            function = getattr(function, "__func__", function)
            function._hypothesis_internal_use_settings = settings(
                used,
                max_examples=min(used.max_examples, EXAMPLES),
                derandomize=True,
                database=None,
                deadline=None,
                phases=(Phase.explicit, Phase.generate),
            )


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Instead of pytest's own."""
    if session.testsfailed:
        raise session.Interrupted("the tests cannot be collected")
    plan = msgspec.json.decode(os.environ["MUTATION_PLAN"], type=Plan, dec_hook=lambda kind, text: kind(text))
    Judge(plan, session.items).run()
    return True


class Judge:
    """Of one run."""

    def __init__(self, plan: Plan, items: list[pytest.Item]) -> None:
        self._plan = plan
        self._items = {item.nodeid: item for item in items}
        self._verdicts = Verdicts(plan.build / "verdicts.jsonl")
        self._traces = Traces(plan.build / "traces.json")
        self._versions: dict[str, str] = {}
        for nodeid in self._items:
            self._version(nodeid.partition("::")[0])
        self._selected = list(self._versions)
        self._tests: dict[str, Trace] = {}
        self._by_line: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._noticed: dict[str, Counter[str]] = defaultdict(Counter)
        self._running: dict[int, tuple[Mutant, list[str], int]] = {}
        self._counts: dict[str, int] = defaultdict(int)

    def run(self) -> None:
        """Trace, then judge what is not judged."""
        self._trace()
        gc.collect()
        gc.freeze()  # children write to no page of what is there already
        code = self._code_version()
        for module in self._plan.modules:
            if self._code_version() != code:
                sys.exit("the code has changed since it was loaded: start again, what was judged is kept")
            started = time.monotonic()
            self._counts.clear()
            for mutant in chosen(self._plan, module):
                self._judge(mutant)
            while self._running:
                self._reap()
            took = time.monotonic() - started
            print(
                f"{module}: {took:.0f} s,", ", ".join(f"{n} {v}" for v, n in self._counts.items()), flush=True
            )

    # --- which test executes what -----------------------------------------------------------------------------------------------------

    def _trace(self) -> None:
        code = self._code_version()
        for file in self._selected:
            own = self._version(file)
            if not self._traces.has(file, code + own):
                items = [item for item in self._items.values() if item.nodeid.partition("::")[0] == file]
                self._traces.put(file, code + own, self._traced(items))
        found = self._traces.all(set(self._selected))
        self._tests = {name: trace for name, trace in found.items() if trace.seconds <= SLOWEST_S}
        for name, trace in self._tests.items():
            for path, lines in trace.lines.items():
                for line in lines:
                    self._by_line[path, line].add(name)

    def _code_version(self) -> str:
        """Of what is mutated: its lines are what a trace is about."""
        trader = self._plan.root / "trader" / "mm_trader"
        return version(*trader.glob("orders/*.py"), *trader.glob("risk/*.py"))

    def _traced(self, items: list[pytest.Item]) -> dict[str, Trace]:
        """In a child, so that this process stays as fresh as the children of the mutants find it."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "wb") as file:
                file.write(msgspec.json.encode(self._run_traced(items)))
                file.flush()
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            answer = file.read()
        os.waitpid(child, 0)
        return msgspec.json.decode(answer, type=dict[str, Trace])

    def _run_traced(self, items: list[pytest.Item]) -> dict[str, Trace]:
        source = self._plan.root / "trader" / "mm_trader"
        include = [f"{source}/orders/*", f"{source}/risk/*"]
        found = {}
        for number, item in enumerate(items):
            measured = coverage.Coverage(data_file=None, include=include, config_file=False)
            measured.set_option("run:disable_warnings", ["no-data-collected"])
            started = time.process_time()
            measured.start()
            reports = runtestprotocol(item, log=False, nextitem=_after(items, number))
            measured.stop()
            took = time.process_time() - started
            for report in reports:
                if report.failed:
                    print(f"{item.nodeid} fails without any mutant:\n{report.longrepr}", file=sys.stderr)
                    os._exit(1)
            data = measured.get_data()
            lines = {path: sorted(data.lines(path) or ()) for path in data.measured_files()}
            found[item.nodeid] = Trace(
                took,
                {os.path.relpath(path, self._plan.root): which for path, which in lines.items() if which},
            )
        return found

    # --- judging ----------------------------------------------------------------------------------------------------------------------

    def _judge(self, mutant: Mutant) -> None:
        tests = self._tests_of(mutant)
        before = self._verdicts.get(mutant.key)
        if before is not None:
            if before.caught and before.files == self._files([before.test]):
                self._counts[before.verdict] += 1
                self._noticed[mutant.function][before.test] += 1
                return
            if before.caught and before.test in tests:
                tests = [before.test, *(test for test in tests if test != before.test)]
            elif not before.caught and before.budget_s >= self._plan.budget_s:
                # what did not notice it, and has not changed, does not notice it now
                known = before.files.items()
                tests = [test for test in tests if not self._files([test]).items() <= known]
                if not tests:
                    self._counts[before.verdict] += 1
                    return
        if not tests:
            self._note(Verdict(mutant.key, "no test"))
            return
        tests = self._affordable(tests, mutant.function)
        while len(self._running) >= self._plan.workers:
            self._reap()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._in_child(mutant, tests, writer)
        os.close(writer)
        self._running[child] = (mutant, tests, reader)

    def _in_child(self, mutant: Mutant, tests: list[str], writer: int) -> None:
        """Ends the process: 0, nothing noticed; 1, a test failed, and its number is written."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        expected = sum(self._tests[test].seconds for test in tests)
        limit = int(5 + 5 * expected)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        try:
            put_into_place(mutant)
        except BaseException:
            os._exit(_HUNG - 1)
        items = [self._items[test] for test in tests]
        for number, item in enumerate(items):
            try:
                reports = runtestprotocol(item, log=False, nextitem=_after(items, number))
                noticed = any(report.failed for report in reports)
            except BaseException:
                noticed = True
            if noticed:
                os.write(writer, tests[number].encode())
                os._exit(1)
        os._exit(0)

    def _reap(self) -> None:
        child, status = os.wait()
        mutant, tests, reader = self._running.pop(child)
        with os.fdopen(reader, "rb") as file:
            test = file.read().decode()
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            self._note(self._survived(mutant, tests))
        elif code == 1:
            self._noticed[mutant.function][test] += 1
            self._note(Verdict(mutant.key, "killed", test, self._files([test])))
        elif code < 0:
            self._note(Verdict(mutant.key, "timed out", tests[0], self._files([tests[0]])))
        else:
            raise RuntimeError(f"{mutant.function}: {mutant.after} cannot be put into place")

    def _affordable(self, tests: list[str], function: str) -> list[str]:
        """In the order in which they are run."""
        noticed = self._noticed[function]
        spent, found = 0.0, []
        for test in sorted(tests, key=lambda test: -noticed[test]):
            spent += self._tests[test].seconds
            if found and spent > self._plan.budget_s:
                break
            found.append(test)
        return found

    def _survived(self, mutant: Mutant, tests: list[str]) -> Verdict:
        before = self._verdicts.get(mutant.key)
        files, budget = self._files(tests), self._plan.budget_s
        if before is not None and not before.caught and before.budget_s >= budget:
            # only what had changed was run
            files, budget = before.files | files, before.budget_s
        return Verdict(mutant.key, "survived", files=files, budget_s=budget)

    def _note(self, verdict: Verdict) -> None:
        self._verdicts.add(verdict)
        self._counts[verdict.verdict] += 1

    def _tests_of(self, mutant: Mutant) -> list[str]:
        path = "trader/" + mutant.module.replace(".", "/") + ".py"
        first, last = mutant.lines
        found = {test for line in range(first, last + 1) for test in self._by_line.get((path, line), ())}
        return sorted(found, key=lambda test: (self._tests[test].breadth, self._tests[test].seconds, test))

    def _files(self, tests: list[str]) -> dict[str, str]:
        names = {test.partition("::")[0] for test in tests}
        return {name: self._version(name) for name in sorted(names)}

    def _version(self, file: str) -> str:
        """Of a test file, with what it shares with others; as it was when it was first asked for. Empty: it is there no more."""
        if file not in self._versions:
            path = self._plan.root / file
            self._versions[file] = version(path, *_helpers(path)) if path.exists() else ""
        return self._versions[file]


def _helpers(test: Path) -> list[Path]:
    """What is shared with other tests of the folder."""
    text = test.read_text()
    return [path for path in test.parent.glob("*.py") if path.stem in text and path.stem[:5] != "test_"]


def _after(items: list[pytest.Item], number: int) -> pytest.Item | None:
    return items[number + 1] if number + 1 < len(items) else None


def judged(plan: Plan) -> Iterator[tuple[Mutant, Verdict | None]]:
    """Every mutant that was to be judged, and what was found."""
    verdicts = Verdicts(plan.build / "verdicts.jsonl")
    for module in plan.modules:
        for mutant in chosen(plan, module):
            yield mutant, verdicts.get(mutant.key)

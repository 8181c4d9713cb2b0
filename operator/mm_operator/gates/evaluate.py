"""Runs a stage's gates over one input. Whatever a gate does, the answer is a verdict: an exception is Error, and Error is never success."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mm_api.drills import DrillName
from mm_api.kinds import Gate, GateEvidence, GateName, GateVerdict
from mm_api.kinds.market_maker_status import DrillStatus
from mm_operator.gates.builtin import BUILT_IN
from mm_operator.gates.model import Answer, GateInput, plain

_OF_DRILLS = {"Passed": GateVerdict.PASS, "Failed": GateVerdict.FAIL}


@dataclass(frozen=True)
class GateResult:
    """One gate with its evidence."""

    gate: Gate | None
    """None: a drill."""
    evidence: GateEvidence

    @property
    def name(self) -> str:
        """For people: the gate's, or `Drill` with the drill's."""
        return self.evidence.name

    @property
    def verdict(self) -> GateVerdict:
        """The gate's word."""
        return self.evidence.verdict

    @property
    def fails_at_once(self) -> bool:
        """It fails, and waiting can not change that."""
        if self.gate is None:
            return self.verdict is GateVerdict.FAIL
        built_in = BUILT_IN.get(self.gate.name)
        return self.verdict is GateVerdict.FAIL and built_in is not None and built_in.fails_at_once

    @property
    def guards_full_scale(self) -> bool:
        """Whether a Fail after full scale halts."""
        if self.gate is None:
            return False
        built_in = BUILT_IN.get(self.gate.name)
        return built_in is None or built_in.guards_full_scale


def evaluate(gates: Sequence[Gate], given: GateInput) -> list[GateResult]:
    """Every gate's verdict, in the order of the stage."""
    return [
        GateResult(gate, _with_window(gate, _ask(gate, index, given), given))
        for index, gate in enumerate(gates)
    ]


def drill_results(
    drills: Sequence[DrillName], runs: Sequence[DrillStatus], now: datetime
) -> list[GateResult]:
    """Each drill of the stage as a gate: Inconclusive until it has come to its end."""
    found = {run.name: run for run in runs}
    results = []
    for drill in drills:
        run = found.get(drill)
        verdict, message = GateVerdict.INCONCLUSIVE, "not begun"
        if run is not None:
            message = run.message or "under way"
            verdict = _OF_DRILLS.get(run.state, GateVerdict.INCONCLUSIVE)
        evidence = GateEvidence(
            name=f"Drill{drill.value}",
            verdict=verdict,
            value=run.state if run else None,
            threshold="Passed",
            window_start=run.since if run else None,
            window_end=now if run else None,
            sample_size=int(verdict in (GateVerdict.PASS, GateVerdict.FAIL)),
            message=message[:1024],
        )
        results.append(GateResult(None, evidence))
    return results


def all_pass(results: Iterable[GateResult]) -> bool:
    """Whether nothing stands against going on. A stage without gates asks for its soak and sample alone."""
    return all(result.verdict is GateVerdict.PASS for result in results)


def _ask(gate: Gate, index: int, given: GateInput) -> Answer:
    if gate.name is GateName.CUSTOM:
        return _custom(gate, index, given)
    if given.evidence is None:
        return Answer(GateVerdict.INCONCLUSIVE, given.no_evidence_because or "no evidence yet")
    try:
        return BUILT_IN[gate.name].rule(gate, given.evidence, given)
    except (ArithmeticError, ValueError, LookupError, TypeError) as error:
        return Answer(GateVerdict.ERROR, f"could not be evaluated: {error}")


def _custom(gate: Gate, index: int, given: GateInput) -> Answer:
    threshold = " and ".join(
        text
        for text in (
            f">= {plain(gate.min)}" if gate.min is not None else "",
            f"<= {plain(gate.max)}" if gate.max is not None else "",
        )
        if text
    )
    answer = given.metrics.get(index)
    if answer is None:
        return Answer(GateVerdict.INCONCLUSIVE, "Prometheus has not been asked yet", None, threshold)
    if answer.error:
        return Answer(GateVerdict.ERROR, answer.error, None, threshold)
    if answer.value is None:
        return Answer(GateVerdict(gate.no_data), "the query has no data", None, threshold)
    inside = (gate.min is None or answer.value >= gate.min) and (gate.max is None or answer.value <= gate.max)
    verdict = GateVerdict.PASS if inside else GateVerdict.FAIL
    return Answer(verdict, "from Prometheus", plain(answer.value), threshold, "", 1)


def _with_window(gate: Gate, answer: Answer, given: GateInput) -> GateEvidence:
    started = given.evidence.started_ms if given.evidence else 0
    return GateEvidence(
        name=gate.name.value,
        verdict=answer.verdict,
        value=answer.value,
        threshold=answer.threshold,
        unit=answer.unit,
        window_start=datetime.fromtimestamp(started / 1000, UTC) if started else None,
        window_end=given.now if started else None,
        sample_size=answer.sample_size,
        message=answer.message[:1024],
    )

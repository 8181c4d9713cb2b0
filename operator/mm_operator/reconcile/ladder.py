"""The rollout as one flat ladder: every stage's steps in order, each with all that its trader and its gates need. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from mm_api.drills import DrillName
from mm_api.kinds import Gate, MarketMakerSpec
from mm_api.kinds.market_maker import Sample

LEAST_TIMEOUT = timedelta(minutes=10)
TIMEOUT_IN_SOAKS = 3


@dataclass(frozen=True)
class Rung:
    """One step of one stage."""

    index: int
    """Place in the whole ladder."""
    stage: str
    stage_index: int
    step: int
    steps_in_stage: int
    account: str
    symbols: tuple[str, ...]
    capital: Decimal
    loss_budget: Decimal | None
    soak: timedelta
    timeout: timedelta
    """Counted from the first quote."""
    sample: Sample
    gates: tuple[Gate, ...]
    drills: tuple[DrillName, ...]
    """Of the stage's first step; the others have shown it."""
    needs_approval: bool
    """Approval is asked for where the stage ends, not on each of its steps."""


def ladder(spec: MarketMakerSpec) -> tuple[Rung, ...]:
    """All rungs of a spec, in order."""
    rungs: list[Rung] = []
    for stage_index, stage in enumerate(spec.rollout.stages):
        symbols = tuple(stage.symbols)
        amounts: list[tuple[Decimal, timedelta, tuple[str, ...] | None]] = [
            (step.capital, step.soak, tuple(step.symbols) if step.symbols else None) for step in stage.steps
        ] or [(stage.capital or Decimal(0), stage.soak, None)]
        for step, (capital, soak, step_symbols) in enumerate(amounts):
            symbols = step_symbols or symbols
            last = step == len(amounts) - 1
            rungs.append(
                Rung(
                    index=len(rungs),
                    stage=stage.name,
                    stage_index=stage_index,
                    step=step,
                    steps_in_stage=len(amounts),
                    account=stage.account_ref.name,
                    symbols=symbols,
                    capital=capital,
                    loss_budget=stage.loss_budget,
                    soak=soak,
                    timeout=stage.timeout or max(LEAST_TIMEOUT, TIMEOUT_IN_SOAKS * soak),
                    sample=stage.sample,
                    gates=tuple(stage.gates),
                    drills=tuple(stage.drills) if step == 0 else (),
                    needs_approval=last and stage.approval == "Required",
                )
            )
    return tuple(rungs)


def rung_of(spec: MarketMakerSpec, stage: str, step: int) -> Rung | None:
    """The rung of that name, where the spec has it."""
    return next((rung for rung in ladder(spec) if rung.stage == stage and rung.step == step), None)


def most_capital(spec: MarketMakerSpec, account: str) -> Decimal:
    """The highest capital that the ladder asks for on an account."""
    return max((rung.capital for rung in ladder(spec) if rung.account == account), default=Decimal(0))

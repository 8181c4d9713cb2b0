"""What must be so before a trader is made: a list of small rules over the snapshot, each with the reason it gives. Pure.

The API server has refused what a schema can; these are the things only the operator can see. Every one of them mends itself: the reconcile asks again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from mm_api.kinds import Environment
from mm_api.scalars import parse_quantity
from mm_operator.reconcile import freeze
from mm_operator.reconcile.ladder import Rung, ladder, most_capital
from mm_operator.reconcile.snapshot import AccountView, Snapshot

JOURNAL_MIB = 64
"""What the trader's journal takes of its volume at most, with room to spare."""
REPORT_HOLDS_FOR = timedelta(minutes=5)
"""How long a trader's word that a symbol is not listed keeps a new one from being made."""


@dataclass(frozen=True)
class Problem:
    """Why something does not go on."""

    reason: str
    message: str


def spec_problem(snapshot: Snapshot) -> Problem | None:
    """The first reason why no stage of this spec may begin."""
    return next((problem for rule in SPEC_RULES if (problem := rule(snapshot)) is not None), None)


def start_problem(snapshot: Snapshot, view: AccountView, rung: Rung, scope: str) -> Problem | None:
    """The first reason why no trader may be made on this account now."""
    return next(
        (problem for rule in START_RULES if (problem := rule(snapshot, view, rung, scope)) is not None), None
    )


def _readable(snapshot: Snapshot) -> Problem | None:
    return Problem("InvalidSpec", snapshot.spec_error) if snapshot.spec_error else None


def _account_exists(snapshot: Snapshot) -> Problem | None:
    for rung in ladder(snapshot.market_maker.spec):
        view = snapshot.accounts.get(rung.account)
        if view is not None and view.refused:
            return Problem(
                "InvalidAccount", f"stage {rung.stage}: VenueAccount {rung.account}: {view.refused}"
            )
        if view is None or view.spec is None:
            return Problem(
                "AccountNotFound",
                f"stage {rung.stage}: VenueAccount {rung.account} does not exist in this namespace",
            )
    return None


def _no_drills_with_real_money(snapshot: Snapshot) -> Problem | None:
    for rung in ladder(snapshot.market_maker.spec):
        view = snapshot.accounts.get(rung.account)
        if rung.drills and view and view.spec and view.spec.environment is Environment.MAINNET:
            return Problem(
                "DrillsNotAllowed",
                f"stage {rung.stage}: drills would lose orders and kill a trader on VenueAccount {rung.account}, which is real money; put them on a "
                "stage of a testnet, demo or simulator account",
            )
    return None


def _within_ceiling(snapshot: Snapshot) -> Problem | None:
    for rung in ladder(snapshot.market_maker.spec):
        view = snapshot.accounts.get(rung.account)
        if view is None or view.spec is None:
            continue
        most = most_capital(snapshot.market_maker.spec, rung.account)
        ceiling = view.spec.capital_ceiling
        if most + view.claimed_by_others > ceiling.amount:
            others = f" with {view.claimed_by_others} of other MarketMakers" if view.claimed_by_others else ""
            return Problem(
                "CapitalAboveCeiling",
                f"capital {most} on VenueAccount {rung.account}{others} is above its ceiling of {ceiling.amount} {ceiling.asset}",
            )
    return None


def _quote_asset(snapshot: Snapshot) -> Problem | None:
    """Capital is counted in the ceiling's asset, so every symbol must be quoted in it."""
    for rung in ladder(snapshot.market_maker.spec):
        view = snapshot.accounts.get(rung.account)
        if view is None or view.spec is None:
            continue
        asset = view.spec.capital_ceiling.asset
        wrong = [symbol for symbol in rung.symbols if not symbol.endswith(asset)]
        if wrong:
            return Problem(
                "QuoteAssetMismatch",
                f"stage {rung.stage}: {', '.join(wrong)} is not quoted in {asset}, in which VenueAccount {rung.account} counts its ceiling",
            )
    return None


def _freeze_readable(snapshot: Snapshot) -> Problem | None:
    for index, window in enumerate(snapshot.market_maker.spec.rollout.freeze):
        try:
            freeze.check(window)
        except freeze.CronError as error:
            return Problem("InvalidFreezeWindow", f"spec.rollout.freeze[{index}]: {error}")
    return None


def _secret_exists(_snapshot: Snapshot, view: AccountView, _rung: Rung, _scope: str) -> Problem | None:
    if view.secret_exists or view.spec is None:
        return None
    return Problem(
        "SecretNotFound",
        f"Secret {view.spec.credentials_secret_ref.name} of VenueAccount {view.name} does not exist in this namespace",
    )


def _alert_secrets_exist(snapshot: Snapshot, _view: AccountView, _rung: Rung, _scope: str) -> Problem | None:
    """A trader that could not tell anybody is not started."""
    if not snapshot.missing_secrets:
        return None
    return Problem(
        "AlertSecretNotFound",
        f"spec.alerts: Secret {', '.join(snapshot.missing_secrets)} does not exist in this namespace",
    )


def _venue_lists(_snapshot: Snapshot, view: AccountView, rung: Rung, _scope: str) -> Problem | None:
    if view.unlisted_symbols:
        return Problem(
            "SymbolNotListed",
            f"stage {rung.stage}: the venue does not list {', '.join(view.unlisted_symbols)}",
        )
    if view.venue_problem:
        return Problem("VenueUnreachable", f"VenueAccount {view.name}: {view.venue_problem}")
    return None


def _trader_says_listed(snapshot: Snapshot, view: AccountView, rung: Rung, scope: str) -> Problem | None:
    state = view.redis.state if view.redis else None
    if state is None or state.scope != scope or not state.unlisted_symbols:
        return None
    if snapshot.now - datetime.fromtimestamp(state.updated_ms / 1000, UTC) > REPORT_HOLDS_FOR:
        return None
    return Problem(
        "SymbolNotListed",
        f"stage {rung.stage}: the trader finds {', '.join(state.unlisted_symbols)} not listed by the venue",
    )


def _recording_fits(snapshot: Snapshot) -> Problem | None:
    """A full volume would stop the journal, and with it the trader."""
    spec = snapshot.market_maker.spec
    if spec.recording is None:
        return None
    made = [view.workload.storage for view in snapshot.accounts.values() if view.workload]
    volume = min(parse_quantity(size) for size in (spec.trader.storage, *made) if size)
    wanted = Decimal(spec.recording.segment_mib * (spec.recording.keep_segments + 1) + JOURNAL_MIB) * 2**20
    if wanted <= volume:
        return None
    return Problem(
        "StorageTooSmall",
        f"spec.recording: {spec.recording.keep_segments} segments of {spec.recording.segment_mib} MiB, the one that is written and "
        f"{JOURNAL_MIB} MiB of journal need {wanted / 2**20:.0f} MiB; the journal's volume has {volume / 2**20:.0f}: keep less, or ask for "
        "more in spec.trader.storage (a volume that is made keeps its size)",
    )


SPEC_RULES: tuple[Callable[[Snapshot], Problem | None], ...] = (
    _readable,
    _account_exists,
    _no_drills_with_real_money,
    _within_ceiling,
    _quote_asset,
    _freeze_readable,
    _recording_fits,
)
START_RULES: tuple[Callable[[Snapshot, AccountView, Rung, str], Problem | None], ...] = (
    _secret_exists,
    _alert_secrets_exist,
    _venue_lists,
    _trader_says_listed,
)

"""What `kubectl get va` shows of an account: who holds its identity, how much capital is at work, and whether it could be traded on. Pure.

Every MarketMaker that names an account sees the same facts, but only the holder knows the capital: while a holder lives, it alone writes; else anyone may.
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

from mm_api.kinds import Condition, MarketMakerStatus
from mm_api.kinds.venue_account import VenueAccountStatus
from mm_operator.names import holder_of
from mm_operator.reconcile.slots import holds
from mm_operator.reconcile.snapshot import AccountView, Snapshot


def account_status(
    snapshot: Snapshot, status: MarketMakerStatus, view: AccountView
) -> VenueAccountStatus | None:
    """The account's new status; None: there is no account, it is another's to write, or nothing has changed."""
    if view.spec is None:
        return None
    me = holder_of(snapshot.namespace, snapshot.name, snapshot.market_maker.metadata.uid)
    mine = holds(view, me)
    if not mine and view.lease is not None and view.lease.holder and view.lease.holder_exists:
        return None
    before = view.status or VenueAccountStatus()
    runs = [run for run in (status.run, status.stable, status.fallback) if run is not None]
    at_work = [run.capital for run in runs if run.account == view.name and run.phase != "Failed"]
    found = VenueAccountStatus(
        observed_generation=view.generation,
        holder=snapshot.name if mine else None,
        capital_in_use=at_work[0] if mine and at_work else Decimal(0),
        conditions=[_ready(snapshot, view, before)],
    )
    return None if found == before else found


def _ready(snapshot: Snapshot, view: AccountView, before: VenueAccountStatus) -> Condition:
    assert view.spec is not None
    name = view.spec.credentials_secret_ref.name
    word, reason, message = (
        ("True", "SecretFound", f"keys are in Secret {name}")
        if view.secret_exists
        else (
            "False",
            "SecretNotFound",
            f"Secret {name} does not exist; make it with keys apiKey and secretKey",
        )
    )
    old = next((condition for condition in before.conditions if condition.type == "Ready"), None)
    since = snapshot.now.astimezone(UTC).replace(microsecond=0)
    if old is not None and old.status == word:
        since = old.last_transition_time
    return Condition.model_validate(
        {
            "type": "Ready",
            "status": word,
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
            "observedGeneration": view.generation,
        }
    )

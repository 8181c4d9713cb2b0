"""Every label, annotation and object name the operator uses, in the one place that spells them."""

from __future__ import annotations

import hashlib

from mm_api import GROUP

FIELD_MANAGER = "mm-operator"
FINALIZER = f"{GROUP}/ordered-shutdown"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_APP = "app.kubernetes.io/name"
LABEL_MARKET_MAKER = f"{GROUP}/marketmaker"
LABEL_ACCOUNT = f"{GROUP}/account"
LABEL_REVISION = f"{GROUP}/revision"
LABEL_EPOCH = f"{GROUP}/epoch"
LABEL_IDENTITY = f"{GROUP}/identity-hash"

ANNOTATION_IDENTITY = f"{GROUP}/identity"
ANNOTATION_SCOPE = f"{GROUP}/scope"
ANNOTATION_APPLIED = f"{GROUP}/applied"
ANNOTATION_DATABASE = f"{GROUP}/database-id"

TRADER_CONTAINER = "trader"
DEAD_MAN_CONTAINER = "dead-man"
ADMIN_PORT = 9100
HANDOVER_LATCH = "handover"
PAUSE_LATCH = "pause"
MAX_NAME = 52
"""A StatefulSet's name leaves room for `-0` and for the hash that its pods' label appends (63 in all)."""


def short_hash(text: str, length: int = 8) -> str:
    """First hexadecimal digits of the SHA-256 of a text: for names, not for security."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def bounded(name: str, limit: int = MAX_NAME) -> str:
    """The name itself, or its beginning with a hash of the whole where it is too long."""
    return name if len(name) <= limit else f"{name[: limit - 9].rstrip('-')}-{short_hash(name)}"


def trader_name(market_maker: str, account: str) -> str:
    """StatefulSet, Service and Secret of one MarketMaker's trader on one account."""
    return bounded(f"{market_maker}-{account}")


def pod_name(market_maker: str, account: str) -> str:
    """The one pod of that StatefulSet."""
    return f"{trader_name(market_maker, account)}-0"


def identity_of(environment: str, namespace: str, secret: str) -> str:
    """Trading identity: one per set of venue keys."""
    return f"{environment}.{namespace}.{secret}".lower()


def lease_name(identity: str) -> str:
    """The `Lease` object of an identity, in the namespace of its VenueAccounts."""
    return f"mm-identity-{short_hash(identity, 12)}"


def holder_of(namespace: str, name: str, uid: str) -> str:
    """How a MarketMaker signs the Lease of an identity."""
    return f"{namespace}/{name}/{uid}"


def redis_user(identity: str) -> str:
    """Redis user of an identity's trader."""
    return f"mm-{identity}"


def record_name(market_maker: str, revision: str, stage: str, step: int, attempt: int) -> str:
    """StageRecord of one step."""
    return bounded(f"{market_maker}-{revision[:8]}-{stage}-{step}-{attempt}", 120)


def scope_of(revision: str, stage: str, step: int, attempt: int) -> str:
    """What evidence is counted for."""
    return f"{revision}/{stage}/{step}/{attempt}"


def revision_object(market_maker: str, revision: str) -> str:
    """ControllerRevision that keeps a revision's snapshot."""
    return bounded(f"{market_maker}-{revision}", 120)

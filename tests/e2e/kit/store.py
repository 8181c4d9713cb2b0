"""What operator and traders have written into Redis, read by the names of docs/redis-contract.md."""

from __future__ import annotations

import json

from e2e.kit.api import Object
from e2e.kit.installation import Installation
from mm_api.redis_contract import Keys


class Store:
    """One trading identity's keys."""

    def __init__(self, installation: Installation, identity: str) -> None:
        self._redis = installation.redis_cli
        self._identity = identity
        self._keys = Keys(identity)

    def _json(self, key: str) -> Object:
        text = self._redis("GET", key)
        found: Object = json.loads(text) if text else {}
        return found

    def state(self) -> Object:
        """`ReportedState`: what the trader says of itself; empty if it never did."""
        return self._json(self._keys.state)

    def evidence(self, scope: str) -> Object:
        """`Evidence` of a scope; empty if there is none."""
        return self._json(self._keys.evidence(scope))

    def latches(self) -> dict[str, Object]:
        """Latches by id."""
        lines = self._redis("HGETALL", self._keys.latches).splitlines()
        return {name: json.loads(value) for name, value in zip(lines[::2], lines[1::2], strict=True)}

    def lease_holder(self) -> str:
        """Pod UID of the one that may write; empty: nobody."""
        return self._redis("GET", self._keys.lease)

    def has_user(self) -> bool:
        """Whether a Redis user exists whose rules name the identity's keys."""
        return f"{{{self._identity}}}" in self._redis("ACL", "LIST")

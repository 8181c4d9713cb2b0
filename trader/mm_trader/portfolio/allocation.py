"""Capital split. Fixed and equal; the sum of the shares never exceeds the capital."""

from __future__ import annotations

from collections.abc import Sequence


def equal_split(capital: int, symbols: Sequence[str]) -> dict[str, int]:
    """Money units per symbol. The rest of the division stays unused."""
    if not symbols:
        return {}
    share = capital // len(symbols)
    return dict.fromkeys(symbols, share)

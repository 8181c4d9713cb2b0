"""Is what the volatility measures movement, or bounce between bid and ask? Two-scale realised variance (Zhang, Mykland & Aït-Sahalia, JASA 100, 2005).

    RV_all = Σ r² over neighbours,   RV_slow = mean over K interleaved grids of Σ r²,   TSRV = (RV_slow − n̄/n·RV_all) / (1 − n̄/n),   n̄ = (n − K + 1)/K
Noise adds to every return alike, so the fast scale measures it and the slow scale is freed of it. A fast variance far above the two-scale one is mostly bounce.
"""

from __future__ import annotations

from collections.abc import Sequence


def two_scale_variance(values: Sequence[float], k: int) -> float | None:
    """Integrated variance over the whole series, in squares of its unit; None with fewer than 2k + 1 values. Never negative."""
    n = len(values) - 1
    if k < 2 or n < 2 * k:
        return None
    fast = sum((values[i + 1] - values[i]) ** 2 for i in range(n))
    slow = sum((values[i + k] - values[i]) ** 2 for i in range(n - k + 1)) / k
    ratio = (n - k + 1) / k / n
    return max(0.0, (slow - ratio * fast) / (1 - ratio))


def realised_variance(values: Sequence[float]) -> float:
    """Sum of the squared changes."""
    return sum((values[i + 1] - values[i]) ** 2 for i in range(len(values) - 1))

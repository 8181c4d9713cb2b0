"""The one piece of statistics the gates need: a one-sided lower confidence bound of a mean, by Student's t.

The quantile comes from the regularised incomplete beta function (continued fraction, Lentz's method; Abramowitz & Stegun 26.5.8 and 26.7.1), found
by bisection:
a few dozen lines instead of a numerical library in the operator's memory.
"""

from __future__ import annotations

import math

from mm_api.redis_contract import RunningStats

_TINY = 1e-300
_PRECISION = 1e-14
_MAX_TERMS = 500


def lower_bound(stats: RunningStats, confidence: float) -> float:
    """The value that the mean exceeds with this one-sided confidence (0.5 < confidence < 1). Needs at least two values."""
    if stats.count < 2:
        raise ValueError("a confidence bound needs at least two values")
    deviation = math.sqrt(max(stats.m2, 0.0) / (stats.count - 1))
    return stats.mean - student_t_quantile(confidence, stats.count - 1) * deviation / math.sqrt(stats.count)


def student_t_quantile(probability: float, degrees: int) -> float:
    """The t for which a Student t variable with `degrees` of freedom is below it with `probability` (0 < probability < 1)."""
    if not 0 < probability < 1 or degrees < 1:
        raise ValueError("probability must lie between 0 and 1, degrees of freedom be at least 1")
    if probability < 0.5:
        return -student_t_quantile(1 - probability, degrees)
    low, high = 0.0, 1.0
    while _student_t_cdf(high, degrees) < probability:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if _student_t_cdf(middle, degrees) < probability:
            low = middle
        else:
            high = middle
        if high - low <= 1e-12 * max(1.0, high):
            break
    return (low + high) / 2


def _student_t_cdf(t: float, degrees: int) -> float:
    """P(T ≤ t) for t ≥ 0."""
    return 1 - 0.5 * _incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, 1 - x) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    result = d
    for m in range(1, _MAX_TERMS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = 1 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            result *= c * d
        if abs(c * d - 1) < _PRECISION:
            return result
    return result

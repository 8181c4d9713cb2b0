"""Which addresses of a venue are real money, whatever the environment is called: a second switch is none if an address goes round it."""

from __future__ import annotations

import re

REAL_MONEY_PATTERN = "(?i)^[a-z]+://([^/?#]*@)?([-a-z0-9]+[.])*binance[.](com|us)[.]?(:[0-9]*)?([/?#].*)?$"
PRACTICE_PATTERN = "(?i)^[a-z]+://demo-[-a-z0-9]+[.]binance[.]com(:[0-9]*)?([/?#].*)?$"
"""Of Binance's own hosts these alone are practice; its testnets are `binance.vision` and `binancefuture.com`."""


def is_real_money(url: str) -> bool:
    """Whether orders that are sent to this address are paid in money."""
    return bool(re.match(REAL_MONEY_PATTERN, url)) and not re.match(PRACTICE_PATTERN, url)


def practice_rule(field: str) -> str:
    """CEL that holds while the field's address is no real money."""
    return f"!self.{field}.matches('{REAL_MONEY_PATTERN}') || self.{field}.matches('{PRACTICE_PATTERN}')"

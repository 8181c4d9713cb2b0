"""What the venue says about its rules for one account or symbol: myFilters, executionRules, referencePrice, block trades."""

from __future__ import annotations

from typing import Any

from ..engine.errors import RefusalError
from .calls_market import chosen_markets, one_market
from .desk import Call, Desk, Request, Security
from .info import filters
from .params import Params

NO_REFERENCE = "This symbol doesn't have a reference price."


def my_filters(desk: Desk, request: Request) -> Any:
    """The symbol's filters; no account here has others of its own."""
    market = desk.exchange.market(request.params.symbol())
    request.params.finish()
    return {"exchangeFilters": [], "symbolFilters": filters(market), "assetFilters": []}


def execution_rules(desk: Desk, request: Request) -> Any:
    """No symbol has a price range rule."""
    params = request.params
    sent = [name for name in ("symbol", "symbols", "symbolStatus") if params.has(name)]
    if len(sent) > 1:
        raise RefusalError(-1128, "Combination of optional parameters invalid.")
    markets = chosen_markets(desk, params)
    params.finish()
    chosen = desk.exchange.markets.values() if markets is None else markets
    return {"symbolRules": [{"symbol": market.spec.name, "rules": []} for market in chosen]}


def reference_price(desk: Desk, request: Request) -> Any:
    """Filters here are judged by the last trade, so no symbol has a reference price."""
    one_market(desk, request.params)
    request.params.finish()
    raise RefusalError(-2043, NO_REFERENCE)


def block_trades(desk: Desk, request: Request) -> Any:
    """Nobody trades in blocks here."""
    params = request.params
    desk.spec(params.symbol())
    params.integer("fromId")
    params.integer("limit", 1, 1000)
    params.finish()
    return []


def _rules_weight(params: Params) -> int:
    return 2 if params.has("symbol") else 40


CALLS = (
    Call(("GET", "myFilters"), "myFilters", my_filters, 40, Security.SIGNED),
    Call(("GET", "executionRules"), "executionRules", execution_rules, _rules_weight),
    Call(("GET", "referencePrice"), "referencePrice", reference_price, 2),
    Call(("GET", "referencePrice/calculation"), "referencePrice.calculation", reference_price, 2),
    Call(("GET", "historicalBlockTrades"), "blockTrades.historical", block_trades, 25),
)

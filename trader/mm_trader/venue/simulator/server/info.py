"""exchangeInfo: what the venue says about its limits and symbols, made from the same values that enforce them."""

from __future__ import annotations

from typing import Any

from ..engine.checks import from_e8
from ..engine.market import Market
from ..engine.types import STOP_TYPES, OrderType, StpMode
from .limits import RateLimits


def _multiplier(e4: int) -> str:
    text = f"{e4 / 10_000:.4f}".rstrip("0")
    return text.rstrip(".")


def filters(market: Market) -> list[dict[str, Any]]:
    """All filters of a symbol, with the values that `engine.checks` applies."""
    spec = market.spec
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": from_e8(spec.min_price_e8),
            "maxPrice": from_e8(spec.max_price_e8),
            "tickSize": from_e8(spec.tick_e8),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": from_e8(spec.min_qty_e8),
            "maxQty": from_e8(spec.max_qty_e8),
            "stepSize": from_e8(spec.lot_e8),
        },
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": from_e8(0),
            "maxQty": from_e8(spec.market_max_qty_e8),
            "stepSize": from_e8(0),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": _multiplier(spec.percent_up_e4),
            "bidMultiplierDown": _multiplier(spec.percent_down_e4),
            "askMultiplierUp": _multiplier(spec.percent_up_e4),
            "askMultiplierDown": _multiplier(spec.percent_down_e4),
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": from_e8(spec.min_notional_e8),
            "applyMinToMarket": True,
            "maxNotional": from_e8(spec.max_notional_e8),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": spec.max_num_orders},
        *(
            [
                {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": spec.max_algo_orders},
                {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": spec.max_order_lists},
            ]
            if spec.stop_orders
            else []
        ),
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": spec.max_amends},
        *(
            [{"filterType": "MAX_POSITION", "maxPosition": from_e8(spec.max_position_e8)}]
            if spec.max_position_e8
            else []
        ),
    ]


def symbol_info(market: Market, default_stp: StpMode) -> dict[str, Any]:
    spec = market.spec
    return {
        "symbol": spec.name,
        "status": market.status.value,
        "baseAsset": spec.base,
        "baseAssetPrecision": 8,
        "quoteAsset": spec.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [t.value for t in OrderType if spec.stop_orders or t not in STOP_TYPES],
        "icebergAllowed": False,
        "ocoAllowed": spec.stop_orders,
        "otoAllowed": spec.stop_orders,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": default_stp.value,
        "allowedSelfTradePreventionModes": [m.value for m in StpMode],
    }


def exchange_info(
    markets: list[Market], limits: RateLimits, default_stp: StpMode, now_ms: int
) -> dict[str, Any]:
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [r.shape() for r in limits.rules],
        "exchangeFilters": [],
        "symbols": [symbol_info(m, default_stp) for m in markets],
    }


def book_levels(market: Market, limit: int) -> tuple[list[list[str]], list[list[str]]]:
    """(bids, asks) as the venue's string pairs, best first."""
    spec = market.spec
    tick, lot = spec.tick_e8, spec.lot_e8
    bids, asks = (
        [[from_e8(price * tick), from_e8(qty * lot)] for price, qty in side.top(limit)]
        for side in (market.book.bids, market.book.asks)
    )
    return bids, asks

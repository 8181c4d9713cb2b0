"""JSON of conditional orders, with Binance's field names."""

from __future__ import annotations

from typing import Any

from ..engine.checks import plain
from ..engine.types import SymbolSpec
from ..server.shapes import ms
from .algo import AlgoOrder, AlgoStatus
from .shapes import ONE_WAY, average_text, order_type, price_text, qty_text

NOT_YET = "0.00000"
_REACHED = frozenset({AlgoStatus.TRIGGERED, AlgoStatus.FINISHED})


def _tif(order: AlgoOrder) -> str:
    return "GTX" if order.post_only else order.tif.value


def placed(order: AlgoOrder, spec: SymbolSpec) -> dict[str, Any]:
    """The response of a new order."""
    return {
        "algoId": order.id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.type,
        "symbol": order.symbol,
        "side": order.side,
        "positionSide": ONE_WAY,
        "timeInForce": _tif(order),
        "quantity": plain(order.quantity_e8, spec.qty_digits),
        "algoStatus": order.status,
        "triggerPrice": price_text(spec, order.trigger),
        "price": plain(order.price_e8, spec.price_digits),
        "icebergQuantity": None,
        "selfTradePreventionMode": order.stp,
        "workingType": order.working,
        "priceMatch": "NONE",
        "closePosition": order.close_position,
        "priceProtect": order.price_protect,
        "reduceOnly": order.reduce_only,
        "activatePrice": "",
        "callbackRate": "",
        "createTime": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "triggerTime": ms(order.triggered_ns),
        "goodTillDate": 0,
    }


def queried(order: AlgoOrder, spec: SymbolSpec) -> dict[str, Any]:
    """An order as queries and lists show it."""
    actual = order.order
    return {
        **placed(order, spec),
        "actualOrderId": "" if actual is None else str(actual.id),
        "actualPrice": _average(order, spec),
        "actualQty": _executed(order, spec),
        "actualType": "" if actual is None else order_type(actual),
        "tpTriggerPrice": price_text(spec, 0),
        "tpPrice": price_text(spec, 0),
        "slTriggerPrice": price_text(spec, 0),
        "slPrice": price_text(spec, 0),
        "tpOrderType": "",
    }


def _average(order: AlgoOrder, spec: SymbolSpec) -> str:
    actual = order.order
    return NOT_YET if actual is None else average_text(spec, actual.executed_quote, actual.executed)


def _executed(order: AlgoOrder, spec: SymbolSpec) -> str:
    return NOT_YET if order.order is None else qty_text(spec, order.order.executed)


def algo_update(order: AlgoOrder, spec: SymbolSpec, now_ms: int) -> dict[str, Any]:
    """The ALGO_UPDATE user event."""
    actual = order.order if order.status in _REACHED else None
    return {
        "e": "ALGO_UPDATE",
        "T": ms(order.updated_ns),
        "E": now_ms,
        "o": {
            "caid": order.client_id,
            "aid": order.id,
            "at": "CONDITIONAL",
            "o": order.type,
            "s": order.symbol,
            "S": order.side,
            "ps": ONE_WAY,
            "f": _tif(order),
            "q": plain(order.quantity_e8, spec.qty_digits),
            "X": order.status,
            "ai": "" if actual is None else str(actual.id),
            "ap": NOT_YET if actual is None else _average(order, spec),
            "aq": NOT_YET if actual is None else _executed(order, spec),
            "act": "0" if actual is None else order_type(actual),
            "tp": price_text(spec, order.trigger),
            "p": plain(order.price_e8, spec.price_digits),
            "V": order.stp,
            "wt": order.working,
            "pm": "NONE",
            "cp": order.close_position,
            "pP": order.price_protect,
            "R": order.reduce_only,
            "tt": ms(order.triggered_ns),
            "gtd": 0,
            "rm": order.why,
        },
    }

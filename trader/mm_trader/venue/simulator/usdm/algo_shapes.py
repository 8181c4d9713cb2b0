"""JSON of conditional orders, with Binance's field names; which field is where follows recorded replies and frames."""

from __future__ import annotations

from typing import Any

from ..engine.checks import plain
from ..engine.types import SymbolSpec
from ..server.shapes import ms
from .algo import AlgoOrder
from .shapes import ONE_WAY, average_text, bare, order_type, price_text, qty_text


def placed(order: AlgoOrder, spec: SymbolSpec) -> dict[str, Any]:
    """The response of a new order."""
    shape = {
        "algoId": order.id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.type,
        "symbol": order.symbol,
        "side": order.side,
        "positionSide": ONE_WAY,
        "timeInForce": order.tif,
        "quantity": plain(order.quantity_e8, spec.qty_digits),
        "algoStatus": order.status,
        "triggerPrice": plain(order.trigger_e8, spec.price_digits),
        "price": plain(order.price_e8, spec.price_digits),
        "icebergQuantity": None,
        "selfTradePreventionMode": order.stp,
        "workingType": order.working,
        "priceMatch": order.price_match,
        "closePosition": order.close_position,
        "priceProtect": order.price_protect,
        "reduceOnly": order.reduce_only,
        "createTime": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "triggerTime": ms(order.triggered_ns),
        "goodTillDate": order.good_till_ms,
    }
    if order.trails:
        shape["activatePrice"] = plain(order.activate_e8, spec.price_digits)
        shape["callbackRate"] = bare(plain(order.callback_e8, 8))
    return shape


def queried(order: AlgoOrder, spec: SymbolSpec) -> dict[str, Any]:
    """An order as a query shows it: the type of its order once there is one, its quantity once something is filled."""
    shape = {**placed(order, spec), **_became(order, spec), "tpOrderType": ""}
    actual = order.order
    if actual is not None:
        shape["actualType"] = order_type(actual)
        if actual.executed:
            shape["actualQty"] = qty_text(spec, actual.executed)
    return shape


def listed(order: AlgoOrder, spec: SymbolSpec) -> dict[str, Any]:
    """An order as lists show it."""
    return {
        **placed(order, spec),
        **_became(order, spec),
        "actualQty": qty_text(spec, 0 if order.order is None else order.order.executed),
        "tpTriggerPrice": price_text(spec, 0),
        "tpPrice": price_text(spec, 0),
        "slTriggerPrice": price_text(spec, 0),
        "slPrice": price_text(spec, 0),
        "tpOrderType": "",
        "isActivated": order.activated,
    }


def _became(order: AlgoOrder, spec: SymbolSpec) -> dict[str, Any]:
    actual = order.order
    return {
        "actualOrderId": "" if actual is None else str(actual.id),
        "actualPrice": average_text(spec, 0, 0)
        if actual is None
        else average_text(spec, actual.executed_quote, actual.executed),
    }


def algo_update(order: AlgoOrder, spec: SymbolSpec, now_ms: int) -> dict[str, Any]:
    """The ALGO_UPDATE user event. What its order did is there once there is one, a reason where it was refused."""
    actual = order.order
    did: dict[str, Any] = {}
    if actual is not None:
        did = {
            "ap": bare(average_text(spec, actual.executed_quote, actual.executed)),
            "aq": bare(qty_text(spec, actual.executed)),
            "act": order_type(actual),
        }
    inner: dict[str, Any] = {
        "caid": order.client_id,
        "aid": order.id,
        "at": "CONDITIONAL",
        "o": order.type,
        "s": order.symbol,
        "S": order.side,
        "ps": ONE_WAY,
        "f": order.tif,
        "q": bare(plain(order.quantity_e8, spec.qty_digits)),
        "X": order.status,
        "ai": "" if actual is None else str(actual.id),
        **did,
        "tp": bare(plain(order.trigger_e8, spec.price_digits)),
        "p": bare(plain(order.price_e8, spec.price_digits)),
        "V": order.stp,
        "wt": order.working,
        "pm": order.price_match,
        "cp": order.close_position,
        "pP": order.price_protect,
        "R": order.reduce_only,
        "tt": ms(order.triggered_ns),
        "gtd": order.good_till_ms,
        "ia": order.activated,
    }
    if order.why:
        inner["rm"] = order.why
    return {"e": "ALGO_UPDATE", "T": ms(order.updated_ns), "E": now_ms, "o": inner}

"""JSON shapes of orders, trades, balances and user events, with Binance's field names.

Pure functions from engine values; decimals are strings with eight digits, times integer milliseconds, enumerations are
themselves (the encoder writes their values).
"""

from __future__ import annotations

from typing import Any

from ..engine.account import Account, AccountTrade
from ..engine.checks import from_e8
from ..engine.events import BalanceEvent, ExecutionEvent, Prevention, TransferEvent
from ..engine.types import Fill, Order, OrderStatus, Placed, SymbolSpec, TimeInForce

ZERO = "0.00000000"
NS_PER_MS = 1_000_000
NO_LIST = -1
"""What an order that belongs to no list has for the list's id."""
NO_TRADE_GROUP = -1
"""What an account that is in no trade group has for its id."""
_UNFILLED = {
    TimeInForce.IOC: "UNFILLED_IOC_QUANTITY_EXPIRED",
    TimeInForce.FOK: "UNFILLED_FOK_ORDER_EXPIRED",
}


def ms(ns: int) -> int:
    return ns // NS_PER_MS if ns >= 0 else -1


def list_id(order: Order) -> int:
    """Of the order list that the order belongs to."""
    return NO_LIST if order.list is None else order.list.id


def price_text(spec: SymbolSpec, ticks: int) -> str:
    return from_e8(ticks * spec.tick_e8)


def qty_text(spec: SymbolSpec, lots: int) -> str:
    return from_e8(lots * spec.lot_e8)


def expiry_reason(order: Order) -> str:
    """Why an EXPIRED order expired, in the venue's word (`expiryReason`, `eR`, since 2026-03)."""
    if order.expiry:
        return order.expiry
    if order.is_market:
        return "INSUFFICIENT_LIQUIDITY"
    return _UNFILLED.get(order.tif, "EXCHANGE_CANCELED")


def _working(order: Order) -> bool:
    return order.working_ns >= 0 and (not order.is_market or order.executed > 0)


def _state(order: Order, spec: SymbolSpec) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "price": price_text(spec, order.price),
        "origQty": qty_text(spec, order.qty),
        "executedQty": qty_text(spec, order.executed),
        "origQuoteOrderQty": from_e8(order.quote_qty),
        "cummulativeQuoteQty": from_e8(order.executed_quote),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": order.side,
    }
    if order.stop:
        shape["stopPrice"] = price_text(spec, order.stop)
    if order.prevented_match:
        shape["preventedMatchId"] = order.prevented_match
        shape["preventedQuantity"] = qty_text(spec, order.prevented)
    return shape


def _extras(order: Order) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if order.strategy_id is not None:
        extras["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        extras["strategyType"] = order.strategy_type
    if order.status is OrderStatus.EXPIRED:
        extras["expiryReason"] = expiry_reason(order)
    return extras


def ack(order: Order) -> dict[str, Any]:
    """The ACK response of a new order."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": list_id(order),
        "clientOrderId": order.client_id,
        "transactTime": ms(order.created_ns),
    }


def result(order: Order, spec: SymbolSpec) -> dict[str, Any]:
    """The RESULT response of a new order."""
    return {
        **ack(order),
        **_state(order, spec),
        "workingTime": ms(order.working_ns),
        **_extras(order),
        "selfTradePreventionMode": order.stp,
    }


def lost_quantities(match: Prevention, spec: SymbolSpec) -> dict[str, str]:
    """What self-trade prevention took from either side of a match; a side that lost nothing is left out."""
    sides = {"takerPreventedQuantity": match.taker_qty, "makerPreventedQuantity": match.maker_qty}
    return {name: qty_text(spec, lots) for name, lots in sides.items() if lots}


def prevented_matches(placed: Placed, spec: SymbolSpec) -> dict[str, Any]:
    """`preventedMatches` of a new order's response, where there were any."""
    if not placed.prevented:
        return {}
    return {
        "preventedMatches": [
            {
                "preventedMatchId": match.id,
                "makerSymbol": match.symbol,
                "makerOrderId": match.maker_order,
                "price": price_text(spec, match.price),
                **lost_quantities(match, spec),
            }
            for match in placed.prevented
        ]
    }


def full(order: Order, spec: SymbolSpec, fills: list[Fill]) -> dict[str, Any]:
    """The FULL response of a new order: RESULT with the immediate fills."""
    shape = result(order, spec)
    shape["fills"] = [
        {
            "price": price_text(spec, f.price),
            "qty": qty_text(spec, f.qty),
            "commission": from_e8(f.commission),
            "commissionAsset": f.commission_asset,
            "tradeId": f.trade_id,
        }
        for f in fills
    ]
    return shape


def cancelled(order: Order, spec: SymbolSpec, cancel_id: str) -> dict[str, Any]:
    """The response of a cancel."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": list_id(order),
        "clientOrderId": cancel_id,
        "transactTime": ms(order.updated_ns),
        **_state(order, spec),
        **_extras(order),
        "selfTradePreventionMode": order.stp,
    }


def queried(order: Order, spec: SymbolSpec) -> dict[str, Any]:
    """An order as queries and open-order lists show it."""
    state = _state(order, spec)
    quote_qty = state.pop("origQuoteOrderQty")
    state["stopPrice"] = price_text(spec, order.stop)
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": list_id(order),
        "clientOrderId": order.client_id,
        **state,
        "icebergQty": ZERO,
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "isWorking": _working(order),
        "workingTime": ms(order.working_ns),
        "origQuoteOrderQty": quote_qty,
        **_extras(order),
        "selfTradePreventionMode": order.stp,
    }


def amended(order: Order, spec: SymbolSpec, previous_id: str, execution_id: int) -> dict[str, Any]:
    """The response of an amend that keeps priority."""
    return {
        "transactTime": ms(order.updated_ns),
        "executionId": execution_id,
        "amendedOrder": {
            "symbol": order.symbol,
            "orderId": order.id,
            "orderListId": list_id(order),
            "origClientOrderId": previous_id,
            "clientOrderId": order.client_id,
            "price": price_text(spec, order.price),
            "qty": qty_text(spec, order.qty),
            "executedQty": qty_text(spec, order.executed),
            "preventedQty": qty_text(spec, order.prevented),
            "quoteOrderQty": from_e8(order.quote_qty),
            "cumulativeQuoteQty": from_e8(order.executed_quote),
            "status": order.status,
            "timeInForce": order.tif,
            "type": order.type,
            "side": order.side,
            "workingTime": ms(order.working_ns),
            "selfTradePreventionMode": order.stp,
        },
    }


def amendment(
    order: Order, spec: SymbolSpec, previous_id: str, previous_qty: int, execution_id: int
) -> dict[str, Any]:
    """An amend as order/amendments lists it."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "executionId": execution_id,
        "origClientOrderId": previous_id,
        "newClientOrderId": order.client_id,
        "origQty": qty_text(spec, previous_qty),
        "newQty": qty_text(spec, order.qty),
        "time": ms(order.updated_ns),
    }


def my_trade(trade: AccountTrade, spec: SymbolSpec, list_number: int = NO_LIST) -> dict[str, Any]:
    """A trade as `myTrades` lists it; `list_number`: of the list that its order belongs to."""
    return {
        "symbol": trade.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "orderListId": list_number,
        "price": price_text(spec, trade.price),
        "qty": qty_text(spec, trade.qty),
        "quoteQty": from_e8(trade.quote),
        "commission": from_e8(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": ms(trade.time_ns),
        "isBuyer": trade.is_buyer,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def account(owner: Account, omit_zero: bool, may_trade: bool) -> dict[str, Any]:
    """The account endpoint."""
    rates = owner.rates
    return {
        "makerCommission": rates.maker_e8 // 10_000,
        "takerCommission": rates.taker_e8 // 10_000,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": from_e8(rates.maker_e8),
            "taker": from_e8(rates.taker_e8),
            "buyer": ZERO,
            "seller": ZERO,
        },
        "canTrade": may_trade,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": ms(owner.updated_ns),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": from_e8(b.free), "locked": from_e8(b.locked)}
            for asset, b in sorted(owner.balances.items())
            if not omit_zero or b.free or b.locked
        ],
        "permissions": ["SPOT"],
        "uid": owner.uid,
    }


def execution_report(event: ExecutionEvent, spec: SymbolSpec, now_ms: int) -> dict[str, Any]:
    """The executionReport user event, with every field that is always present and the conditional ones that apply."""
    order, fill = event.order, event.fill
    report: dict[str, Any] = {
        "e": "executionReport",
        "E": now_ms,
        "s": order.symbol,
        "c": event.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.tif,
        "q": qty_text(spec, event.qty),
        "p": price_text(spec, order.price),
        "P": price_text(spec, order.stop),
        "F": ZERO,
        "g": list_id(order),
        "C": event.orig_client_id,
        "x": event.exec_type,
        "X": event.status,
        "r": event.reject_reason,
        "i": order.id,
        "l": qty_text(spec, fill.qty) if fill is not None else ZERO,
        "z": qty_text(spec, event.executed),
        "L": price_text(spec, fill.price) if fill is not None else ZERO,
        "n": from_e8(fill.commission) if fill is not None else "0",
        "N": fill.commission_asset if fill is not None else None,
        "T": ms(event.time_ns),
        "t": fill.id if fill is not None else -1,
        "I": event.execution_id,
        "w": event.on_book,
        "m": fill is not None and fill.is_maker,
        "M": fill is not None,
        "O": ms(order.created_ns),
        "Z": from_e8(event.executed_quote),
        "Y": from_e8(fill.quote) if fill is not None else ZERO,
        "Q": from_e8(order.quote_qty),
        "V": order.stp,
    }
    if event.working_ns >= 0:
        report["W"] = ms(event.working_ns)
    match = event.prevention
    if match is not None:
        report |= {
            "v": match.id,
            "A": qty_text(spec, event.prevented),
            "B": qty_text(spec, match.lost),
            "U": match.counter_order,
            "Cs": order.symbol,
            "pl": qty_text(spec, match.qty),
            "pL": price_text(spec, match.price),
            "pY": from_e8(match.price * match.qty * spec.quote_mult),
        }
    if order.strategy_id is not None:
        report["j"] = order.strategy_id
    if order.strategy_type is not None:
        report["J"] = order.strategy_type
    if event.status is OrderStatus.EXPIRED:
        report["eR"] = expiry_reason(order)
    return report


def account_position(event: BalanceEvent, now_ms: int) -> dict[str, Any]:
    """The outboundAccountPosition user event."""
    return {
        "e": "outboundAccountPosition",
        "E": now_ms,
        "u": ms(event.time_ns),
        "B": [
            {"a": asset, "f": from_e8(free), "l": from_e8(locked)} for asset, free, locked in event.balances
        ],
    }


def balance_update(event: TransferEvent, now_ms: int) -> dict[str, Any]:
    """The balanceUpdate user event."""
    return {
        "e": "balanceUpdate",
        "E": now_ms,
        "a": event.asset,
        "d": from_e8(event.change),
        "T": ms(event.time_ns),
    }

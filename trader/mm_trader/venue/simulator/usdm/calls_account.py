"""The account of the futures API: wallets, positions, trades, income, fees, leverage, and the listen key of its user stream."""

from __future__ import annotations

from typing import Any

from ..config import MAX_LEVERAGE
from ..engine.account import Account
from ..engine.checks import from_e8
from ..engine.errors import RefusalError
from ..server import listen_keys
from ..server.calls_account import order_counts, trades_of
from ..server.connection import dumps
from ..server.desk import Call, Desk, Request, Security
from ..server.params import SYMBOL, missing
from ..server.shapes import ms
from . import shapes
from .calls_orders import week
from .desk import FuturesDesk, futures_desk


def _assets(desk: FuturesDesk, account: Account) -> list[str]:
    """Margin assets: those that symbols are quoted in, and those held."""
    quotes = {market.spec.quote for market in desk.futures.markets.values()}
    return sorted(quotes | {asset for asset, balance in account.balances.items() if balance.free})


def _asset(desk: FuturesDesk, account: Account, asset: str) -> dict[str, Any]:
    margin = desk.futures.margin
    wallet = account.balance(asset).free
    profit, used = margin.profit(account, asset), margin.margin(account, asset)
    positions = sum(
        held.position_margin(margin.marks[symbol], margin.specs[symbol].quote_mult)
        for symbol, held in margin.of(account).items()
        if margin.specs[symbol].quote == asset
    )
    available = max(0, wallet + profit - used)
    return {
        "asset": asset,
        "walletBalance": from_e8(wallet),
        "unrealizedProfit": from_e8(profit),
        "marginBalance": from_e8(wallet + profit),
        "maintMargin": from_e8(positions // 2),
        "initialMargin": from_e8(used),
        "positionInitialMargin": from_e8(positions),
        "openOrderInitialMargin": from_e8(used - positions),
        "crossWalletBalance": from_e8(wallet),
        "crossUnPnl": from_e8(profit),
        "availableBalance": from_e8(available),
        "maxWithdrawAmount": from_e8(max(0, min(wallet, available))),
        "marginAvailable": True,
        "updateTime": ms(account.updated_ns),
    }


_TOTALS = {
    "totalInitialMargin": "initialMargin",
    "totalMaintMargin": "maintMargin",
    "totalWalletBalance": "walletBalance",
    "totalUnrealizedProfit": "unrealizedProfit",
    "totalMarginBalance": "marginBalance",
    "totalPositionInitialMargin": "positionInitialMargin",
    "totalOpenOrderInitialMargin": "openOrderInitialMargin",
    "totalCrossWalletBalance": "crossWalletBalance",
    "totalCrossUnPnl": "crossUnPnl",
    "availableBalance": "availableBalance",
    "maxWithdrawAmount": "maxWithdrawAmount",
}
"""Sums over all margin assets, which are counted one to one (they are all dollars)."""


def _sum(rows: list[dict[str, Any]], name: str) -> str:
    return from_e8(sum(_e8(row[name]) for row in rows))


def _e8(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    return sign * int(text.removeprefix("-").replace(".", ""))


def _account(desk: Desk, request: Request, *, older: bool) -> Any:
    request.params.finish()
    own, account = futures_desk(desk), request.account
    assets = [_asset(own, account, asset) for asset in _assets(own, account)]
    margin = own.futures.margin
    shown = margin.of(account) if not older else {s: margin.holding(account, s) for s in own.futures.markets}
    positions = []
    for symbol, held in shown.items():
        if not older and not (held.lots or held.bids or held.asks):
            continue
        risk = shapes.position_risk(symbol, held, margin.specs[symbol], margin.marks[symbol], older=older)
        row = {
            "symbol": symbol,
            "positionSide": risk["positionSide"],
            "positionAmt": risk["positionAmt"],
            "unrealizedProfit": risk["unRealizedProfit"],
            "isolatedMargin": "0",
            "notional": risk["notional"],
            "isolatedWallet": "0",
            "initialMargin": risk["initialMargin"],
            "maintMargin": risk["maintMargin"],
            "updateTime": risk["updateTime"],
        }
        if older:
            row |= {
                "leverage": risk["leverage"],
                "entryPrice": risk["entryPrice"],
                "isolated": False,
                "positionInitialMargin": risk["positionInitialMargin"],
                "openOrderInitialMargin": risk["openOrderInitialMargin"],
            }
        positions.append(row)
    shape: dict[str, Any] = {total: _sum(assets, name) for total, name in _TOTALS.items()}
    if older:
        shape |= {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": True, "updateTime": 0}
        shape |= {"multiAssetsMargin": False, "tradeGroupId": -1}
    return {**shape, "assets": assets, "positions": positions}


def account_v3(desk: Desk, request: Request) -> Any:
    return _account(desk, request, older=False)


def account_v2(desk: Desk, request: Request) -> Any:
    return _account(desk, request, older=True)


def balances(desk: Desk, request: Request) -> Any:
    request.params.finish()
    own, account = futures_desk(desk), request.account
    rows = []
    for asset in _assets(own, account):
        one = _asset(own, account, asset)
        rows.append(
            {
                "accountAlias": f"sim{account.uid}",
                "asset": asset,
                "balance": one["walletBalance"],
                "crossWalletBalance": one["crossWalletBalance"],
                "crossUnPnl": one["crossUnPnl"],
                "availableBalance": one["availableBalance"],
                "maxWithdrawAmount": one["maxWithdrawAmount"],
                "marginAvailable": True,
                "updateTime": one["updateTime"],
            }
        )
    return rows


def _positions(desk: Desk, request: Request, *, older: bool) -> Any:
    symbol = request.params.matched("symbol", SYMBOL)
    request.params.finish()
    own = futures_desk(desk)
    margin = own.futures.margin
    if symbol is not None:
        own.futures.market(symbol)
    rows = []
    for name in own.futures.markets if symbol is None else (symbol,):
        held = margin.holding(request.account, name)
        if older or held.lots or held.bids or held.asks:
            rows.append(shapes.position_risk(name, held, margin.specs[name], margin.marks[name], older=older))
    return rows


def positions_v3(desk: Desk, request: Request) -> Any:
    """Symbols with a position or an open order."""
    return _positions(desk, request, older=False)


def positions_v2(desk: Desk, request: Request) -> Any:
    """All symbols, with their leverage."""
    return _positions(desk, request, older=True)


def user_trades(desk: Desk, request: Request) -> Any:
    symbol = request.params.symbol()
    spec = desk.spec(symbol)
    return [shapes.user_trade(t, spec) for t in trades_of(request, symbol, week)]


def incomes(desk: Desk, request: Request) -> Any:
    """Funding, realised profit and commissions, oldest first."""
    params = request.params
    symbol, kind = params.text("symbol"), params.text("incomeType")
    start, end = params.integer("startTime"), params.integer("endTime")
    page, limit = params.integer("page", 1) or 1, params.integer("limit", 1, 1000) or 100
    params.finish()
    funding = [
        shapes.income(row)
        for row in futures_desk(desk).futures.margin.incomes
        if row.account == request.account.name
    ]
    trades = [row for trade in request.account.trades for row in shapes.trade_incomes(trade)]
    rows = [
        row
        for row in sorted([*funding, *trades], key=lambda row: int(row["time"]))
        if symbol in (None, row["symbol"])
        and kind in (None, row["incomeType"])
        and (start is None or row["time"] >= start)
        and (end is None or row["time"] <= end)
    ]
    return rows[(page - 1) * limit : page * limit]


def commission_rate(desk: Desk, request: Request) -> Any:
    symbol = request.params.symbol()
    desk.exchange.market(symbol)
    request.params.finish()
    rates = request.account.rates_for(symbol)
    return {
        "symbol": symbol,
        "makerCommissionRate": from_e8(rates.maker_e8),
        "takerCommissionRate": from_e8(rates.taker_e8),
    }


def position_mode(desk: Desk, request: Request) -> Any:
    request.params.finish()
    return {"dualSidePosition": request.account.name in futures_desk(desk).hedged}


def set_position_mode(_desk: Desk, request: Request) -> Any:
    """One-way is what it is: hedge positions are not simulated, only an account that is set to them (admin action `hedge`)."""
    wanted = request.params.flag("dualSidePosition", False)
    request.params.finish()
    if wanted:
        raise RefusalError(-4068, "Position side cannot be changed if there exists position.")
    raise RefusalError(-4059, "No need to change position side.")


def symbol_config(desk: Desk, request: Request) -> Any:
    symbol = request.params.matched("symbol", SYMBOL)
    request.params.finish()
    own = futures_desk(desk)
    if symbol is not None:
        own.futures.market(symbol)
    return [
        {
            "symbol": name,
            "marginType": "ISOLATED" if request.account.name in own.isolated else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": own.futures.margin.holding(request.account, name).leverage,
            "maxNotionalValue": "100000000",
        }
        for name in (own.futures.markets if symbol is None else (symbol,))
    ]


def account_config(desk: Desk, request: Request) -> Any:
    request.params.finish()
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "dualSidePosition": request.account.name in futures_desk(desk).hedged,
        "multiAssetsMargin": request.account.name in futures_desk(desk).multi_assets,
        "tradeGroupId": -1,
        "updateTime": ms(request.account.updated_ns),
    }


def set_leverage(desk: Desk, request: Request) -> Any:
    symbol = request.params.symbol()
    own = futures_desk(desk)
    own.futures.market(symbol)
    leverage = request.params.integer("leverage")
    request.params.finish()
    if leverage is None:
        raise missing("leverage")
    if not 1 <= leverage <= MAX_LEVERAGE:
        raise RefusalError(-4028, f"Leverage {leverage} is not valid")
    own.futures.margin.holding(request.account, symbol).leverage = leverage
    desk.publisher.user_sink(
        request.account.name, dumps(shapes.config_update(symbol, leverage, desk.now_ms()))
    )
    return {"leverage": leverage, "maxNotionalValue": "100000000", "symbol": symbol}


_SIGNED, _KEY = Security.SIGNED, Security.KEY
CALLS = (
    Call(("GET", "v3/account"), "v2/account.status", account_v3, 5, _SIGNED),
    Call(("GET", "v2/account"), "account.status", account_v2, 5, _SIGNED),
    Call(("GET", "v3/balance"), "v2/account.balance", balances, 5, _SIGNED),
    Call(("GET", "v2/balance"), "account.balance", balances, 5, _SIGNED),
    Call(("GET", "v3/positionRisk"), "v2/account.position", positions_v3, 5, _SIGNED),
    Call(("GET", "v2/positionRisk"), "account.position", positions_v2, 5, _SIGNED),
    Call(("GET", "v1/userTrades"), None, user_trades, 5, _SIGNED),
    Call(("GET", "v1/income"), None, incomes, 30, _SIGNED),
    Call(("GET", "v1/commissionRate"), None, commission_rate, 20, _SIGNED),
    Call(("GET", "v1/positionSide/dual"), None, position_mode, 30, _SIGNED),
    Call(("POST", "v1/positionSide/dual"), None, set_position_mode, 1, _SIGNED),
    Call(("GET", "v1/symbolConfig"), None, symbol_config, 5, _SIGNED),
    Call(("GET", "v1/accountConfig"), None, account_config, 5, _SIGNED),
    Call(("POST", "v1/leverage"), None, set_leverage, 1, _SIGNED),
    Call(("GET", "v1/rateLimit/order"), None, order_counts, 1, _SIGNED),
    Call(("POST", "v1/listenKey"), "userDataStream.start", listen_keys.start, 1, _KEY),
    Call(("PUT", "v1/listenKey"), "userDataStream.ping", listen_keys.keep_alive, 1, _KEY),
    Call(("DELETE", "v1/listenKey"), "userDataStream.stop", listen_keys.close, 1, _KEY),
)

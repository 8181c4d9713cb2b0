"""ccxt (and its streaming half) against the simulator, as its users would: run in its own environment, prints what it saw as JSON.

Only addresses are set; the library itself is as it was installed.
"""

import asyncio
import json
import sys

import ccxt
import ccxt.pro

WHAT, URL = sys.argv[1], sys.argv[2]
SPOT = WHAT == "spot"
SYMBOL = "ETH/USDC" if SPOT else "ETH/USDC:USDC"
DEADLINE_S = 30


def here(address):
    """An address of the library's table with the simulator's host."""
    if isinstance(address, dict):
        return {name: here(value) for name, value in address.items()}
    scheme, rest = address.split("://")
    host = URL.split("://")[1]
    plain = {"https": "http", "wss": "ws"}.get(scheme, scheme)
    return f"{plain}://{'/'.join([host, *rest.split('/')[1:]])}"


def exchange(kind):
    one = kind.binance({"apiKey": "ALPHAKEY", "secret": "alpha-secret", "enableRateLimit": False})
    one.options["defaultType"] = "spot" if SPOT else "swap"
    one.urls["api"] = here(one.urls["api"])
    return one


def calls():
    """Synchronous: what a bot does before, while and after it trades."""
    seen = {}
    x = exchange(ccxt)
    markets = x.load_markets()
    seen["precision"] = markets[SYMBOL]["precision"]
    seen["status"] = x.fetch_status()["status"]
    seen["currencies"] = sorted(x.fetch_currencies())
    seen["balance"] = x.fetch_balance()["USDC"]["free"]
    book = x.fetch_order_book(SYMBOL)
    low = round(book["bids"][0][0] * 0.99, 2)
    seen["ticker"] = x.fetch_ticker(SYMBOL)["symbol"]
    seen["candles"] = len(x.fetch_ohlcv(SYMBOL, "1m"))
    placed = x.create_order(SYMBOL, "limit", "buy", 0.05, low)
    edited = x.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.06, round(low - 1, 2))
    seen["open"] = [order["amount"] for order in x.fetch_open_orders(SYMBOL)]
    seen["cancelled"] = x.cancel_order(edited["id"], SYMBOL)["status"]
    try:
        x.create_order(SYMBOL, "limit", "buy", 0.05, round(low * 1.02, 2), {"postOnly": True})
    except ccxt.BaseError as error:
        seen["post_only"] = str(error)
    bought = x.create_order(SYMBOL, "market", "buy", 0.05)
    seen["bought"] = x.fetch_order(bought["id"], SYMBOL)["status"]
    seen["trades"] = sum(trade["amount"] for trade in x.fetch_my_trades(SYMBOL))
    # what bots leave at the exchange to be safe: a stop that waits
    kind, price = ("limit", round(low - 1, 2)) if SPOT else ("market", None)
    stop = x.create_order(SYMBOL, kind, "sell", 0.02, price, {"stopLossPrice": low})
    fetched = x.fetch_order(stop["id"], SYMBOL, {} if SPOT else {"trigger": True})
    seen["stop"] = (fetched["status"], fetched["type"], fetched["stopPrice"] == low)
    seen["waiting"] = len(x.fetch_open_orders(SYMBOL, params={} if SPOT else {"trigger": True}))
    x.cancel_order(stop["id"], SYMBOL, {} if SPOT else {"trigger": True})
    try:
        x.create_order(SYMBOL, kind, "sell", 0.02, price, {"stopLossPrice": round(low * 1.1, 2)})
    except ccxt.BaseError as error:
        seen["late_stop"] = str(error)
    if not SPOT:
        seen["position"] = [(p["symbol"], p["contracts"]) for p in x.fetch_positions()]
        high = round(low * 1.05, 2)
        for side_kind, amount, at, more in (
            ("market", 0.02, None, {"trailingPercent": 1.5, "reduceOnly": True}),
            ("limit", 0.02, high, {"takeProfitPrice": high}),
            ("STOP_MARKET", None, None, {"stopPrice": low, "closePosition": True}),
        ):
            x.create_order(SYMBOL, side_kind, "sell", amount, at, more)
        waiting = x.fetch_open_orders(SYMBOL, params={"trigger": True})
        seen["conditional"] = [(o["info"]["orderType"], o["timeInForce"], o["reduceOnly"]) for o in waiting]
        x.cancel_all_orders(SYMBOL, {"trigger": True})
        seen["ended"] = {o["status"] for o in x.fetch_orders(SYMBOL, params={"trigger": True})} == {
            "canceled"
        }
        batch = x.create_orders(
            [{"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.05, "price": low}] * 2
        )
        seen["batch"] = [order["status"] for order in x.cancel_orders([o["id"] for o in batch], SYMBOL)]
        seen["tiers"] = x.fetch_leverage_tiers([SYMBOL])[SYMBOL][0]["maxLeverage"]
        try:
            x.set_margin_mode("isolated", SYMBOL)
        except ccxt.BaseError as error:
            seen["isolated"] = str(error)
    return seen


async def streams():
    """Asynchronous: market streams, orders over the WebSocket API, and the user's own streams."""
    seen = {}
    x = exchange(ccxt.pro)
    async with asyncio.timeout(DEADLINE_S):
        await x.load_markets()
        book = await x.watch_order_book(SYMBOL)
        seen["book"] = book["bids"][0][0] < book["asks"][0][0]
        for name in ("watch_ticker", "watch_trades", "watch_ohlcv"):
            await getattr(x, name)(SYMBOL)
        await x.watch_bids_asks([SYMBOL])
        orders = asyncio.create_task(x.watch_orders(SYMBOL))
        fills = asyncio.create_task(x.watch_my_trades(SYMBOL))
        balance = asyncio.create_task(x.watch_balance())
        low = round(book["bids"][0][0] * 0.99, 2)
        while not (
            orders.done() and fills.done() and balance.done()
        ):  # the library does not say when these have begun
            placed = await x.create_order_ws(SYMBOL, "limit", "buy", 0.05, low)
            seen["cancelled"] = (await x.cancel_order_ws(placed["id"], SYMBOL))["status"]
            await x.create_order_ws(SYMBOL, "market", "buy", 0.01)
        seen["orders"] = (await orders)[0]["symbol"]
        seen["fills"] = (await fills)[0]["amount"]
        seen["balance"] = "USDC" in await balance
    await x.close()
    return seen


print(json.dumps({"calls": calls(), "streams": asyncio.run(streams())}))

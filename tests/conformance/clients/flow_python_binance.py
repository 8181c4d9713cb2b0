"""python-binance against the simulator, as its users would: run in its own environment, prints what it saw as JSON.

Only addresses are set; the library itself is as it was installed.
"""

import asyncio
import json
import sys
import time
import urllib.request

from binance import AsyncClient, BinanceSocketManager, Client, DepthCacheManager

SYMBOL = "ETHUSDC"
WHAT, URL = sys.argv[1], sys.argv[2]
WS = URL.replace("http", "ws")
for kind in (AsyncClient, Client):
    kind.API_URL = URL + "/api"
    kind.MARGIN_API_URL = URL + "/sapi"
    kind.WS_API_URL = WS + "/ws-api/v3"
    kind.FUTURES_URL = URL + "/fapi"
BinanceSocketManager.STREAM_URL = WS + "/"
BinanceSocketManager.FSTREAM_URL = WS + "/"


async def client(name):
    return await AsyncClient.create(f"{name.upper()}KEY", f"{name}-secret")


async def orders():
    seen = {}
    alpha, beta = await client("alpha"), await client("beta")
    events = []
    user = BinanceSocketManager(alpha).user_socket()
    await user.__aenter__()

    async def listen():
        while True:
            events.append(await user.recv())

    async def until(kind):
        while not any(e.get("x") == kind for e in events):
            await asyncio.sleep(0.01)

    listening = asyncio.create_task(listen())
    info = await alpha.get_exchange_info()
    seen["symbols"] = [s["symbol"] for s in info["symbols"]]
    seen["filters"] = sorted(f["filterType"] for f in (await alpha.get_symbol_info(SYMBOL))["filters"])
    seen["account"] = {b["asset"]: b["free"] for b in (await alpha.get_account())["balances"]}
    touch = await alpha.get_orderbook_ticker(symbol=SYMBOL)
    middle = (float(touch["bidPrice"]) + float(touch["askPrice"])) / 2
    price = f"{middle:.2f}"
    await alpha.create_test_order(
        symbol=SYMBOL, side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.4", price=price
    )
    placed = await alpha.order_limit_sell(symbol=SYMBOL, quantity="0.4", price=price)
    seen["placed"] = placed
    taken = await beta.create_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="IOC", quantity="0.1", price=price
    )
    seen["taken"] = taken
    await until("TRADE")
    seen["partial"] = await alpha.get_order(symbol=SYMBOL, orderId=placed["orderId"])
    seen["trades"] = await alpha.get_my_trades(symbol=SYMBOL, orderId=placed["orderId"])
    seen["cancelled"] = await alpha.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    await until("CANCELED")
    # the same over the WebSocket API
    low = f"{middle - 100:.2f}"
    over = await alpha.ws_order_limit_buy(symbol=SYMBOL, quantity="0.05", price=low)
    seen["ws_placed"] = over
    seen["ws_status"] = await alpha.ws_get_order(symbol=SYMBOL, orderId=over["orderId"])
    replaced = await alpha.ws_cancel_and_replace_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.06", price=low,
        cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=over["orderId"],
    )  # fmt: skip
    seen["replaced"] = replaced
    again = await alpha.cancel_replace_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.07", price=low,
        cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=replaced["newOrderResponse"]["orderId"],
    )  # fmt: skip
    seen["rest_replaced"] = again
    seen["open"] = [o["origQty"] for o in await alpha.get_open_orders(symbol=SYMBOL)]
    seen["ws_cancelled"] = await alpha.ws_cancel_all_open_orders(symbol=SYMBOL)
    try:
        await alpha.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    except Exception as error:
        seen["refused"] = [type(error).__name__, error.code, error.message]
    seen["all"] = len(await alpha.get_all_orders(symbol=SYMBOL))
    while sum(e.get("x") == "CANCELED" for e in events) < 4:
        await asyncio.sleep(0.01)
    listening.cancel()
    await user.__aexit__(None, None, None)
    seen["events"] = events
    for one in (alpha, beta):
        await one.close_connection()
    return seen


async def depth():
    """The library's depth cache beside the venue's book, after a minute of market time."""
    alpha = await client("alpha")
    speed = int(sys.argv[3])
    cache = DepthCacheManager(alpha, SYMBOL, limit=5000, ws_interval=100)
    updates = 0
    async with cache as manager:
        end = time.monotonic() + 60 / speed
        while time.monotonic() < end:
            await manager.recv()
            updates += 1
        # the market stands still from here on, so that the two can be compared at one update id
        body = json.dumps({"symbol": SYMBOL, "status": "HALT"}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{URL}/admin/status", data=body)).read()
        book = await alpha.get_order_book(symbol=SYMBOL, limit=5000)
        while manager._last_update_id < book["lastUpdateId"]:
            await manager.recv()
            updates += 1
        kept = manager.get_depth_cache()
        seen = {
            "updates": updates,
            "u": [manager._last_update_id, book["lastUpdateId"]],
            "bids": [kept.get_bids(), [[float(p), float(q)] for p, q in book["bids"]]],
            "asks": [kept.get_asks(), [[float(p), float(q)] for p, q in book["asks"]]],
        }
    await alpha.close_connection()
    return seen


async def calls():
    """What clients call when they start, and what bots poll: every one must answer in the library's own terms."""
    alpha = await client("alpha")
    bm = BinanceSocketManager(alpha)
    seen = {}
    for name, call in {
        "status": alpha.get_system_status,
        "time": alpha.get_server_time,
        "products": lambda: alpha.get_all_tickers(),
        "klines": lambda: alpha.get_klines(symbol=SYMBOL, interval="1m", limit=5),
        "ui_klines": lambda: alpha.get_ui_klines(symbol=SYMBOL, interval="1m", limit=5),
        "historical": lambda: alpha.get_historical_klines(SYMBOL, "1m", limit=3),
        "ticker": lambda: alpha.get_ticker(symbol=SYMBOL),
        "tickers": alpha.get_orderbook_tickers,
        "average": lambda: alpha.get_avg_price(symbol=SYMBOL),
        "trades": lambda: alpha.get_recent_trades(symbol=SYMBOL, limit=5),
        "aggregates": lambda: alpha.get_aggregate_trades(symbol=SYMBOL, limit=5),
        "balance": lambda: alpha.get_asset_balance(asset="ETH"),
        "fee": lambda: alpha.get_trade_fee(symbol=SYMBOL),
        "api_status": alpha.get_account_api_trading_status,
        "ws_klines": lambda: alpha.ws_get_klines(symbol=SYMBOL, interval="1m", limit=5),
        "ws_ticker": lambda: alpha.ws_get_ticker(symbol=SYMBOL),
        "ws_window": lambda: alpha.ws_get_symbol_ticker_window(symbol=SYMBOL),
    }.items():
        seen[name] = await call()
    for name, socket in {
        "kline": bm.kline_socket(SYMBOL),
        "mini": bm.symbol_miniticker_socket(SYMBOL),
        "ticker": bm.symbol_ticker_socket(SYMBOL),
        "all_mini": bm.miniticker_socket(),
        "trade": bm.trade_socket(SYMBOL),
        "book": bm.symbol_book_ticker_socket(SYMBOL),
        "multiplex": bm.multiplex_socket(["ethusdc@depth5@100ms", "btcusdc@bookTicker"]),
    }.items():
        async with socket as stream:
            seen[f"stream_{name}"] = await asyncio.wait_for(stream.recv(), 20)
    await alpha.close_connection()
    return seen


async def usdm():
    """The futures half of the library against the futures profile: orders, position, user stream by listen key, depth."""
    alpha = AsyncClient("ALPHAKEY", "alpha-secret")  # `create` pings spot, which a futures venue has not
    seen, events = {}, []
    seen["symbols"] = [s["symbol"] for s in (await alpha.futures_exchange_info())["symbols"]]
    bm = BinanceSocketManager(alpha)
    user = bm.futures_user_socket()
    await user.__aenter__()

    async def listen():
        while True:
            events.append(await user.recv())

    listening = asyncio.create_task(listen())
    book = await alpha.futures_orderbook_ticker(symbol=SYMBOL)
    low, lower = (f"{float(book['bidPrice']) * share:.2f}" for share in (0.98, 0.97))
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": "0.1"}
    seen["placed"] = await alpha.futures_create_order(**order, timeInForce="GTX", price=low)
    number = seen["placed"]["orderId"]
    seen["modified"] = await alpha.futures_modify_order(
        symbol=SYMBOL, side="BUY", orderId=number, quantity="0.2", price=lower
    )
    seen["open"] = len(await alpha.futures_get_open_orders(symbol=SYMBOL))
    seen["countdown"] = await alpha.futures_countdown_cancel_all(symbol=SYMBOL, countdownTime=60_000)
    seen["cancelled"] = await alpha.futures_cancel_order(symbol=SYMBOL, orderId=number)
    try:
        await alpha.futures_create_order(**order, timeInForce="GTX", price=book["askPrice"])
    except Exception as error:
        seen["refused"] = [type(error).__name__, error.code]
    seen["sold"] = await alpha.futures_create_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.1")
    (seen["position"],) = await alpha.futures_position_information(symbol=SYMBOL)
    seen["trades"] = await alpha.futures_account_trades(symbol=SYMBOL)
    for name, call in {
        "balance": alpha.futures_account_balance,
        "account": alpha.futures_account,
        "income": alpha.futures_income_history,
        "fees": lambda: alpha.futures_commission_rate(symbol=SYMBOL),
        "mode": alpha.futures_get_position_mode,
        "leverage": lambda: alpha.futures_change_leverage(symbol=SYMBOL, leverage=5),
        "mark": lambda: alpha.futures_mark_price(symbol=SYMBOL),
        "klines": lambda: alpha.futures_klines(symbol=SYMBOL, interval="1m"),
        "day": lambda: alpha.futures_ticker(symbol=SYMBOL),
        "orders": lambda: alpha.futures_get_all_orders(symbol=SYMBOL),
    }.items():
        seen[name] = await call()
    async with asyncio.timeout(20):
        while not any(e["e"] == "ACCOUNT_UPDATE" for e in events):
            await asyncio.sleep(0.05)
    listening.cancel()
    seen["events"] = [e["o"]["x"] if "o" in e else e["e"] for e in events]
    await alpha.close_connection()
    return seen


FLOWS = {"orders": orders, "depth": depth, "calls": calls, "usdm": usdm}
print(json.dumps(asyncio.run(FLOWS[WHAT]())))

"""binance-connector (the older official library) against the simulator: run in its own environment, prints what it saw as JSON.

Only addresses are set; the library itself is as it was installed.
"""

import json
import sys
import threading

from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

URL = sys.argv[2]
SYMBOL = "ETHUSDC"
DEADLINE_S = 20
answered, refused = [], {}
client = Spot("ALPHAKEY", "alpha-secret", base_url=URL)


def ask(method, *args, name=None, **params):
    """One call; what it gave, or None where the venue refused."""
    try:
        result = getattr(client, method)(*args, **params)
    except ClientError as error:
        refused[name or method] = error.error_code
        return None
    answered.append(name or method)
    return result


for method in (
    "ping", "time", "exchange_info", "ticker_price", "book_ticker", "account", "get_order_rate_limit", "get_oco_orders",
    "get_oco_open_orders", "system_status", "coin_info", "deposit_history", "withdraw_history", "account_status",
    "api_trading_status", "dust_log", "asset_dividend_record", "asset_detail", "trade_fee", "funding_wallet", "user_asset",
    "api_key_permissions",
):  # fmt: skip
    ask(method)
for method in (
    "depth", "trades", "historical_trades", "agg_trades", "avg_price", "ticker_24hr", "trading_day_ticker",
    "rolling_window_ticker", "get_orders", "my_trades", "query_allocations", "query_commission_rates",
):  # fmt: skip
    ask(method, SYMBOL)
for method in ("klines", "ui_klines"):
    ask(method, SYMBOL, "1m")
low = round(float(client.book_ticker(SYMBOL)["bidPrice"]) * 0.99, 2)
limit = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 0.05, "price": low}
order = ask("new_order", SYMBOL, **limit)["orderId"]
ask("get_order", SYMBOL, orderId=order)
ask("query_prevented_matches", SYMBOL, orderId=order)
ask("cancel_order", SYMBOL, orderId=order)
pair = {"abovePrice": low * 2, "belowStopPrice": low}
ask("new_oco_order", SYMBOL, "SELL", 0.05, "LIMIT_MAKER", "STOP_LOSS", **pair)
ask("get_oco_order", orderListId=1)
ask("cancel_oco_order", SYMBOL, orderListId=1)
ask("get_oco_order", name="no_oco_order", orderListId=9)
ask("cancel_oco_order", SYMBOL, name="no_oco_cancel", orderListId=1)
ask("new_listen_key")
stop = {"side": "SELL", "type": "STOP_LOSS", "quantity": 0.05, "stopPrice": low}
waiting = ask("new_order", SYMBOL, name="stop_order", **stop)["orderId"]
ask("cancel_order", SYMBOL, orderId=waiting)
ask("new_order", SYMBOL, name="late_stop_order", **{**stop, "stopPrice": low * 2})

seen, enough = set(), threading.Event()


def heard(_socket, text):
    seen.add(json.loads(text).get("e", ""))
    if {"depthUpdate", "24hrTicker"} <= seen:
        enough.set()


streams = SpotWebsocketStreamClient(stream_url=URL.replace("http", "ws"), on_message=heard)
streams.diff_book_depth(symbol=SYMBOL.lower())
streams.ticker(symbol=SYMBOL.lower())
enough.wait(DEADLINE_S)
streams.stop()
print(json.dumps({"answered": answered, "refused": refused, "streams": sorted(seen)}))

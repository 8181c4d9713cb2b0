"""binance-sdk-spot against the simulator, as its users would: run in its own environment, prints what it saw as JSON.

Only addresses are set; the library itself is as it was installed.
"""

import asyncio
import json
import sys
import time
import urllib.request
from decimal import Decimal

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.spot import Spot

SYMBOL = "ETHUSDC"
WHAT, URL = sys.argv[1], sys.argv[2]
WS = URL.replace("http", "ws")


def client(name):
    keys = {"api_key": f"{name.upper()}KEY", "api_secret": f"{name}-secret"}
    return Spot(
        config_rest_api=ConfigurationRestAPI(base_path=URL, **keys),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=f"{WS}/ws-api/v3", **keys),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"{WS}/stream"),
    )


def plain(model):
    return json.loads(model.to_json()) if hasattr(model, "to_json") else model


async def orders():
    seen = {}
    alpha, beta = client("alpha"), client("beta")
    rest = alpha.rest_api
    seen["symbols"] = [s.symbol for s in rest.exchange_info().data().symbols]
    seen["account"] = {b.asset: b.free for b in rest.get_account().data().balances}
    touch = plain(rest.ticker_book_ticker(symbol=SYMBOL).data())
    middle = (Decimal(touch["bidPrice"]) + Decimal(touch["askPrice"])) / 2
    price = middle.quantize(Decimal("0.01"))
    ws = await alpha.websocket_api.create_connection()
    events = []
    user = await ws.user_data_stream_subscribe_signature()
    user.stream.on("message", lambda event: events.append(plain(event)))
    placed = rest.new_order(
        SYMBOL, "SELL", "LIMIT", time_in_force="GTC", quantity=Decimal("0.4"), price=price
    ).data()
    seen["placed"] = plain(placed)
    taken = beta.rest_api.new_order(
        SYMBOL, "BUY", "LIMIT", time_in_force="IOC", quantity=Decimal("0.1"), price=price
    ).data()
    seen["taken"] = plain(taken)
    seen["partial"] = plain(rest.get_order(SYMBOL, order_id=placed.order_id).data())
    seen["trades"] = [plain(t) for t in rest.my_trades(SYMBOL, order_id=placed.order_id).data()]
    seen["cancelled"] = plain(rest.delete_order(SYMBOL, order_id=placed.order_id).data())
    low = price - 100
    over = (
        await ws.order_place(SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=Decimal("0.05"), price=low)
    ).data()
    seen["ws_placed"] = plain(over.result)
    status = (await ws.order_status(SYMBOL, order_id=over.result.order_id)).data()
    seen["ws_status"] = plain(status.result)
    replaced = (
        await ws.order_cancel_replace(
            SYMBOL, "STOP_ON_FAILURE", "BUY", "LIMIT", time_in_force="GTC", quantity=Decimal("0.06"), price=low,
            cancel_order_id=over.result.order_id,
        )
    ).data()  # fmt: skip
    seen["replaced"] = plain(replaced.result)
    again = rest.order_cancel_replace(
        SYMBOL, "BUY", "LIMIT", "STOP_ON_FAILURE", time_in_force="GTC", quantity=Decimal("0.07"), price=low,
        cancel_order_id=replaced.result.new_order_response.order_id,
    ).data()  # fmt: skip
    seen["rest_replaced"] = plain(again)
    amended = rest.order_amend_keep_priority(
        SYMBOL, Decimal("0.03"), order_id=again.new_order_response.order_id
    ).data()
    seen["amended"] = plain(amended)
    amendments = rest.order_amendments(SYMBOL, again.new_order_response.order_id).data()
    seen["amendments"] = [plain(a) for a in amendments]
    seen["open"] = [o.orig_qty for o in rest.get_open_orders(SYMBOL).data()]
    seen["ws_cancelled"] = [plain(o) for o in (await ws.open_orders_cancel_all(SYMBOL)).data().result]
    try:
        rest.delete_order(SYMBOL, order_id=placed.order_id)
    except Exception as error:
        seen["refused"] = [type(error).__name__, str(error)]
    while sum(json.dumps(e).count('"CANCELED"') >= 1 for e in events) < 4:
        await asyncio.sleep(0.01)
    await user.stream.unsubscribe()
    await ws.close_connection(close_session=True)
    seen["events"] = events
    return seen


async def depth():
    """A book kept by the documented procedure on the library's stream, after a minute of market time."""
    alpha = client("alpha")
    streams = await alpha.websocket_streams.create_connection()
    handle = await streams.diff_book_depth(symbol=SYMBOL.lower(), update_speed="100ms")
    arrived = []
    handle.on("message", lambda event: arrived.append(plain(event)))
    while not arrived:
        await asyncio.sleep(0.01)
    book = {"u": None}

    def snapshot():
        return plain(alpha.rest_api.depth(SYMBOL, limit=5000).data())

    first = snapshot()
    book = {"u": first["lastUpdateId"], "b": dict(first["bids"]), "a": dict(first["asks"])}
    end = time.monotonic() + 60 / int(sys.argv[3])
    updates = gaps = 0
    target = None
    while target is None or book["u"] < target["lastUpdateId"]:
        while not arrived:
            await asyncio.sleep(0.01)
        event = arrived.pop(0)
        if event["u"] <= book["u"]:
            continue
        gaps += event["U"] > book["u"] + 1
        for side in "ba":
            for price, quantity in event[side]:
                book[side][price] = quantity
                if float(quantity) == 0:
                    del book[side][price]
        book["u"] = event["u"]
        updates += 1
        if target is None and time.monotonic() > end:
            body = json.dumps({"symbol": SYMBOL, "status": "HALT"}).encode()
            urllib.request.urlopen(urllib.request.Request(f"{URL}/admin/status", data=body)).read()
            target = snapshot()
    await handle.unsubscribe()
    await streams.close_connection(close_session=True)
    return {
        "updates": updates,
        "gaps": gaps,
        "u": [book["u"], target["lastUpdateId"]],
        "bids": [sorted(book["b"].items()), sorted(map(tuple, target["bids"]))],
        "asks": [sorted(book["a"].items()), sorted(map(tuple, target["asks"]))],
    }


print(json.dumps(asyncio.run({"orders": orders, "depth": depth}[WHAT]())))

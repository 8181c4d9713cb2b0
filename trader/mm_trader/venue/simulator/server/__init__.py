"""The wire: Binance spot's REST paths, WebSocket API, market streams and user data on one aiohttp server.

`calls_*` hold what every call does, once, for REST and WebSocket API alike; `rest` and `wsapi` are the two framings;
`streams` fans market data out; `publisher` turns engine events into both streams and user events.
"""

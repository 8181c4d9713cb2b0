"""Binance USD-M perpetual futures behind the same port: what the wire, the account and the connections have different from spot. Transport, rate governor,
order channel, reactions, sweep and queries are shared."""

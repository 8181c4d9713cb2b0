"""The wire format of Binance spot as pure functions: sign, encode, decode. No socket, no clock, no state beyond caches."""

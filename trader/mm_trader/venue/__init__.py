"""Venues: the port the shell trades through, its Binance gateway, and a simulator of the same wire protocol."""

"""Sockets and HTTP: what moves the bytes that `wire` makes and reads. Knows of connections, not of orders."""

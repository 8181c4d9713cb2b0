"""The matching engine: pure, synchronous, integer arithmetic, no I/O and no system clock.

`exchange.Exchange` is the only entry; everything it does is reported as a list of `events` from which the
server makes market streams and user events alike, so the two can never disagree.
"""

"""What moves the market: a seeded generator of background traders, or the replay of recorded traffic.

Both place orders in the same engine as clients do, so a client's order meets them exactly as it would meet others.
"""

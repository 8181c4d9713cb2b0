"""`mm-trader demo`: one trader, one simulated venue, one process, and a view of what happens."""

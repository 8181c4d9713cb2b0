"""USD-M perpetual futures: the same engine, accounts, faults, markets and clock as spot, with positions on margin and the futures wire.

`margin` (money) → `exchange` (orders) → `shapes`, `calls_*` (the wire) → `streams`, `publisher`, `clockwork` (what happens by itself) → `profile`.
"""

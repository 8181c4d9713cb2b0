"""One level-triggered reconcile per MarketMaker: `observe` gathers a frozen snapshot, `decide` (pure) makes a plan of it, `act` carries the plan out."""

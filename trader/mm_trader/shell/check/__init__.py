"""`mm-trader check`: the full-chain list (R36) against a venue, ticked. It starts a trader as a process of its own and looks at it as a person would."""

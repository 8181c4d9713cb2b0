"""What may be risked: exact ledger, loss limits, exposure, pre-trade checks, behaviour, halts and the four-level state.

Anything that cannot be judged is a no."""

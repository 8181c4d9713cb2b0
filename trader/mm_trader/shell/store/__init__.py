"""Where a trader's state is kept for the operator and for its next incarnation: Redis, or memory where there is none."""

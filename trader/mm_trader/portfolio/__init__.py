"""Several symbols in one trader: how capital is split, and what the account can still lock."""

"""Quoting strategies: pure functions from a view of one symbol to the quotes it should have. Units and formulas: docs/strategies.md."""

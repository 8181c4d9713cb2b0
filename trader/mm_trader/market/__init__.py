"""What the market looks like: top of book, L2 book with sequence checks, volatility. Integers in, floats only in models."""

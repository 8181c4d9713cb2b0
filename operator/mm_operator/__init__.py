"""The operator: takes each MarketMaker through its stages on recorded evidence, and takes its capital away on any risk alert."""

__version__ = "0.1.0"

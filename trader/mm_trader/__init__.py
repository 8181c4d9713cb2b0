"""The trader: a kernel without I/O, and the shell that connects it to a venue, to Redis and to the people who watch it."""

__version__ = "0.1.0"

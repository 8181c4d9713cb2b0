"""The kernel's vocabulary: units, ids, clock, events that come in, commands that go out. No I/O, no asyncio, no clock of the system."""

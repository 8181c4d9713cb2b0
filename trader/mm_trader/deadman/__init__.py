"""The dead man: a process of its own that cancels this trader's orders at the venue when the trader gives no sign of life. docs/risk.md has its rules.

It shares nothing with the trader but a file of 96 bytes: no event loop, no kernel, no store, its own connection, and only the standard library, so that
what breaks the trader does not break it, and it costs a few MiB.
"""

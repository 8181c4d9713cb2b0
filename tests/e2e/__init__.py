"""End-to-end tests: scenarios on a real cluster with real pods, a real Redis and the venue simulator on real sockets.

`kit/` is the vocabulary (Given, When, Then) and what it stands on; the `test_*.py` files are scenarios and read like prose.
docs/testing.md says how to run them and how to add one.
"""

"""Failures of the shell, named for what the caller can do about them."""

from __future__ import annotations


class ConfigError(Exception):
    """The configuration cannot be used; a person has to change it. The text is one line that names file and field."""


class JournalInUseError(Exception):
    """Another process works on the same journal directory."""


class StoreUnavailableError(Exception):
    """The store did not answer; nobody knows whether it did what it was asked. Try again."""


class StoreRefusedError(Exception):
    """The store answered with an error that trying again will not change by itself (ACL, wrong type)."""

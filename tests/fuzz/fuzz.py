#!/usr/bin/env python3
"""One target under atheris: `MM_FUZZ_TARGET=… python fuzz.py [libFuzzer options] [corpus folders]`.

The target is no argument, and this file is a program, since libFuzzer starts it anew by name while it merges.
"""

from __future__ import annotations

import logging
import os
import sys

import atheris
import structlog

with atheris.instrument_imports(include=["mm_trader"]):
    from targets import TARGETS


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    target = TARGETS[os.environ["MM_FUZZ_TARGET"]]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

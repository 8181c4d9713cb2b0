"""`python -m mm_trader.venue.simulator`: the same as `mm-trader simulate`."""

import sys

from .cli import main

sys.exit(main())

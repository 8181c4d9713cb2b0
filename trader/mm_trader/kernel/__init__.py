"""The kernel: market data, answers, time and requests in; commands out. `Kernel` is all that the shell, the back-test and the replay see of it."""

from mm_trader.kernel.kernel import Kernel
from mm_trader.kernel.settings import ConfigurationError

__all__ = ["ConfigurationError", "Kernel"]

"""The kernel: market data, answers, time and requests in; commands out. `Kernel` is all that the shell, the back-test and the replay see of it."""

from mm_trader.kernel import kernel
from mm_trader.kernel.kernel import Kernel
from mm_trader.kernel.settings import ConfigurationError

COMPILED = not str(kernel.__file__).endswith(".py")
"""Whether this kernel is machine code (`trader/compile_kernel.py`) or its sources as they stand. They decide alike."""

__all__ = ["COMPILED", "ConfigurationError", "Kernel"]

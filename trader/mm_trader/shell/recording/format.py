"""The form of a recording: gzip of lines, each a letter, a space and JSON. `zcat FILE | less` shows it.

    H header: form, program's version, config, rules of the symbols
    K a kernel was built: client ids, what was restored, monotonic and wall time
    S a kernel's whole state (base64 of a pickle): how a segment after the first begins
    I the lease was taken again: new client ids
    E an event: `E TYPE {…}`
    C the commands that the event before it brought, where there are any: `[["TYPE", {…}], …]`

A segment begins with H and, once there is a kernel, K or S: each can be replayed alone.
"""

from __future__ import annotations

import base64
import io
import pickle
from types import MethodType
from typing import Any

import msgspec
from pydantic import BaseModel

from mm_api.scalars import ApiModel
from mm_api.trader_config import TraderConfig
from mm_trader.core import events
from mm_trader.core.commands import Command, OrderChanged
from mm_trader.core.events import Event
from mm_trader.core.ids import ClientIds
from mm_trader.core.state import Restored
from mm_trader.core.units import SymbolRules

FORM = 1
SUFFIX = ".events.gz"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel is made of. `form`: of the file."""

    form: int
    version: str
    """Of the program; a pickled state is read by the same version alone."""
    run: str
    """Names the process: its segments follow each other by `number`."""
    number: int
    config: TraderConfig
    rules: dict[str, SymbolRules]


class IdsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of ClientIds."""

    identity: str
    epoch: int
    counter: int

    def ids(self) -> ClientIds:
        """The generator they make."""
        return ClientIds(self.identity, self.epoch, self.counter)


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of Kernel."""

    ids: IdsRecord
    restored: Restored
    ts: int
    wall_ns: int


def _to_builtin(value: Any) -> Any:
    if isinstance(value, ApiModel):
        return value.to_wire()
    raise NotImplementedError(type(value).__name__)


def _from_builtin(kind: type[Any], value: Any) -> Any:
    if issubclass(kind, BaseModel):
        return kind.model_validate(value)
    raise NotImplementedError(kind.__name__)


_encoder = msgspec.json.Encoder(enc_hook=_to_builtin)
encode = _encoder.encode
EVENTS: dict[str, type[Event]] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}


def decode(data: bytes, kind: type[Any]) -> Any:
    """Raises msgspec.DecodeError, pydantic.ValidationError."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, dec_hook=_from_builtin)
    return decoder.decode(data)


def event_line(event: Event) -> bytes:
    """A whole line."""
    return b"E " + type(event).__name__.encode() + b" " + encode(event) + b"\n"


def commands_line(commands: list[Command]) -> bytes:
    """A whole line. These bytes are what a replay is compared by."""
    return b"C " + encode([(type(command).__name__, _written(command)) for command in commands]) + b"\n"


def _written(command: Command) -> Any:
    """The form of a command in a recording: of a changed order its record."""
    if type(command) is OrderChanged:
        return {"record": command.record, "closed": command.closed, "cause": command.cause}
    return command


def state_line(kernel: object) -> bytes:
    """A whole line. Raises pickle.PicklingError, TypeError, AttributeError for a kernel that holds something unpicklable."""
    return b"S " + base64.b64encode(pickle.dumps(kernel, protocol=5)) + b"\n"


def read_state(text: bytes) -> Any:
    """A kernel from its line, letter and space apart. Raises pickle.UnpicklingError for anything that no kernel holds: a recording may come from anywhere."""
    return _OnlyOurs(io.BytesIO(base64.b64decode(text))).load()


_HARMLESS = {
    "builtins": {"set", "frozenset", "bytearray", "complex", "range", "slice", "object"},
    "collections": {"OrderedDict", "deque", "Counter", "defaultdict"},
    "copyreg": {"_reconstructor", "__newobj__", "__newobj_ex__"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "mm_trader.orders.retry": {"no_jitter"},
    "msgspec._utils": {"rebuild"},
}


class _OnlyOurs(pickle.Unpickler):
    """Loads our own classes and plain containers, and nothing that could run what a file says."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "builtins" and name == "getattr":
            return _bound_method
        if name in _HARMLESS.get(module, ()):
            return super().find_class(module, name)
        if module.startswith(("mm_trader.", "mm_api.")) and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} does not belong into a kernel's state")


def _bound_method(owner: Any, name: str) -> Any:
    """What pickle writes as getattr: a method of one of our objects."""
    if not name.startswith("__") and type(owner).__module__.startswith("mm_trader."):
        found = getattr(owner, name)
        if isinstance(found, MethodType):
            return found
    raise pickle.UnpicklingError(f"{name!r} is no method of a kernel's part")

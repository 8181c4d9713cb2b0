"""The dead man as a process: look at the heartbeat ten times a second; when it is gone, cancel, look again, and go on until the venue shows nothing.

Started by `mm-trader dead-man --config FILE`, which checks the config with the trader's own models and then becomes this program (`launch`).
"""

from __future__ import annotations

import json
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from mm_trader.deadman.client import CallError, VenueClient
from mm_trader.deadman.heartbeat import read
from mm_trader.deadman.switch import ServerSwitch
from mm_trader.deadman.watch import Verdict, Watch, may_cancel

LOOK_S = 0.1
RETRY_S = 0.1
"""Between two sweeps that could not see or not cancel everything."""
LATER_S = 5.0
"""Between two looks once nothing is open: a trader that is half alive may still place."""
LAND_EXTRA_MS = 1_000
"""On top of recvWindow: an order that was sent before the silence cannot land later."""
SWITCH_MARGIN_MS = 2_000
"""The venue's own switch fires this long after our time-out, so that our cancels, which spare orders of others, come first."""
LEAVE_AFTER_S = 30.0
"""Told to stop while the trader lives on: somebody replaces only this process."""
_NS = 1_000_000_000


class Options(NamedTuple):
    """What the config says, resolved."""

    identity: str
    symbols: list[str]
    epoch: int
    kind: str
    rest_url: str
    credentials_dir: str | None
    recv_window_ms: int
    heartbeat_file: str
    timeout_ms: int
    start_grace_ms: int
    server_switch: bool


def say(level: str, event: str, **fields: object) -> None:
    """One line of log, in the trader's form."""
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {**fields, "part": "dead-man", "event": event, "level": level, "timestamp": stamp}
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


class DeadMan:
    """Watches one trader."""

    def __init__(self, options: Options, client: VenueClient) -> None:
        self._o = options
        self._client = client
        self._file = Path(options.heartbeat_file)
        self._watch = Watch(
            timeout_ns=options.timeout_ms * 1_000_000,
            start_grace_ns=options.start_grace_ms * 1_000_000,
            epoch=options.epoch,
            now=time.monotonic_ns(),
        )
        self._said = Verdict.WAIT
        self._complaint = ""
        self._switch: ServerSwitch | None = None
        if client.paths.switch is not None and options.server_switch:
            self._switch = ServerSwitch(
                client,
                options.symbols,
                countdown_ms=options.timeout_ms + SWITCH_MARGIN_MS,
                refresh_ms=options.timeout_ms // 3,
                retry_ms=round(RETRY_S * 1000),
            )
        self._switch_complaint = ""
        self._next_sweep_ns = 0
        self.told_to_stop_ns: int | None = None
        self.zero_seen = False
        """The venue has shown nothing open since the trader fell silent, late enough for whatever was on its way."""

    def step(self) -> None:
        """One look, and what follows from it. To be called every `LOOK_S`: the pauses between two sweeps are kept in here, so that no look is slept over."""
        verdict = self._look()
        if verdict is not self._said:
            self._tell(verdict)
            self._next_sweep_ns = 0
        if verdict is not Verdict.CANCEL:
            self.zero_seen = False
            self._complaint = ""
            if self._switch is not None:
                self._keep_switch(self._switch, verdict)
        elif time.monotonic_ns() >= self._next_sweep_ns:
            pause_s = self._cancel_everything()
            self._next_sweep_ns = time.monotonic_ns() + round(pause_s * _NS)

    def _cancel_everything(self) -> float:
        """One sweep. Returns the seconds until the next one."""
        try:
            zero = self._sweep()
        except CallError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                say("error", "dead_man_cannot_cancel", reason=str(error))
            return max(RETRY_S, error.wait_s)
        self._complaint = ""
        land_ns = (self._o.timeout_ms + self._o.recv_window_ms + LAND_EXTRA_MS) * 1_000_000
        if not zero or time.monotonic_ns() - self._watch.silent_since() < land_ns:
            return RETRY_S
        if not self.zero_seen:
            self.zero_seen = True
            say("warning", "dead_man_zero_confirmed", symbols=self._o.symbols)
        return LATER_S

    def may_leave(self) -> bool:
        """Told to stop, and nothing is left to watch over."""
        if self.told_to_stop_ns is None:
            return False
        now = time.monotonic_ns()
        if now - self.told_to_stop_ns >= LEAVE_AFTER_S * _NS or self.zero_seen:
            return True
        # a countdown that is left behind would take the orders of whoever trades the symbol next
        counting = self._switch is not None and self._switch.may_run(now)
        return self._said in (Verdict.GONE, Verdict.WAIT) and not counting

    def _look(self) -> Verdict:
        return self._watch.look(read(self._file), time.monotonic_ns())

    def _tell(self, verdict: Verdict) -> None:
        self._said = verdict
        silent_ms = (time.monotonic_ns() - self._watch.silent_since()) // 1_000_000
        level = "error" if verdict is Verdict.CANCEL else "info"
        say(level, f"dead_man_{verdict.value}", silent_ms=silent_ms, newest=self._watch.newest)

    def _sweep(self) -> bool:
        """Cancel what is open. True: nothing was open in any symbol. Gives up at once when the trader is back. Raises CallError."""
        zero = True
        for symbol in self._o.symbols:
            listed = self._client.open_orders(symbol)
            newest = self._watch.newest
            own = [
                (client_id, venue_id)
                for client_id, venue_id in listed
                if may_cancel(client_id, self._o.identity, newest)
            ]
            for client_id, venue_id in own:
                # a trader that came back gave its sign before it placed: what is on a list from before that sign is not its own
                if self._look() is not Verdict.CANCEL:
                    return False
                zero = False
                if self._client.cancel(symbol, venue_id):
                    say("warning", "dead_man_canceled", symbol=symbol, client_id=client_id)
        return zero

    def _keep_switch(self, switch: ServerSwitch, verdict: Verdict) -> None:
        """Armed while the trader lives, three times in each time-out; ended when it has left in good order; left to run out otherwise."""
        now = time.monotonic_ns()
        try:
            fine = switch.keep(now) if verdict is Verdict.ALIVE else switch.end(now)
        except CallError as error:
            if str(error) != self._switch_complaint:
                self._switch_complaint = str(error)
                say("error", "dead_man_switch_failed", reason=str(error), verdict=verdict.value)
            return
        if fine and self._switch_complaint:
            self._switch_complaint = ""
            say("info", "dead_man_switch_works_again")


def main(arguments: list[str]) -> int:
    """Run until told to stop. `arguments`: the options as one JSON object. Exit status 0: nothing was left to watch over."""
    fields: dict[str, Any] = json.loads(arguments[0])
    options = Options(**fields)
    client = VenueClient(
        options.kind, options.rest_url, options.credentials_dir, options.recv_window_ms, timeout_s=2.0
    )
    dead_man = DeadMan(options, client)

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        if dead_man.told_to_stop_ns is None:
            dead_man.told_to_stop_ns = time.monotonic_ns()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    say(
        "info",
        "dead_man_watching",
        identity=options.identity,
        symbols=options.symbols,
        timeout_ms=options.timeout_ms,
        heartbeat_file=options.heartbeat_file,
    )
    while not dead_man.may_leave():
        dead_man.step()
        time.sleep(LOOK_S)
    say("info", "dead_man_left", zero_confirmed=dead_man.zero_seen)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

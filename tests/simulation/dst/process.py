"""One trader process: the real composition root without its admin port, on a loop of virtual time. It can be killed at every instant that matters."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mm_api.kinds.common import Environment
from mm_api.trader_config import (
    EngineConfig,
    LeaseConfig,
    RedisConfig,
    RiskConfig,
    StrategyConfig,
    TraderConfig,
    VenueConfig,
)
from mm_trader.kernel import Kernel
from mm_trader.shell.app import App
from mm_trader.shell.lifecycle import Lifecycle

from .gateway import Gateway
from .redis_model import Connection
from .timeline import ProcessClock, VirtualLoop

if TYPE_CHECKING:
    from .world import World

IDENTITY = "simulated"
SCOPE = "rev/stage/0/1"


class Killed(KeyboardInterrupt):
    """The process ends here. Not an Exception: nothing in it may catch this, and the loop lets it through."""


def config_of(world: World, epoch: int) -> TraderConfig:
    """The trader's config under this plan."""
    plan = world.plan
    return TraderConfig(
        name="simulated",
        identity=IDENTITY,
        scope=SCOPE,
        epoch=epoch,
        symbols=list(plan.symbols),
        venue=VenueConfig(
            environment=Environment.SIMULATOR, rest_url="http://x", ws_api_url="ws://x", stream_url="ws://x"
        ),
        strategy=StrategyConfig(
            parameters={
                "baseSpread": Decimal("0.0002"),
                "baseSize": Decimal(plan.base_size),
                "maxInventory": Decimal(plan.max_inventory),
            }
        ),
        risk=RiskConfig(capital=Decimal(plan.capital), daily_loss_limit=Decimal(plan.daily_loss)),
        engine=EngineConfig(
            order_timeout=timedelta(milliseconds=plan.order_timeout_ms),
            reconcile_interval=timedelta(seconds=5),
            requote_tolerance=Decimal(plan.tolerance),
        ),
        lease=LeaseConfig(ttl=timedelta(seconds=5)),
        redis=RedisConfig(url="redis://x"),
        journal_dir=str(world.directory),
    )


class Process:
    """From its start to its end, whichever way that comes."""

    def __init__(self, world: World, number: int, epoch: int, crash: tuple[int, str] | None) -> None:
        """`crash`: at which write to the journal it is killed, and how: before, torn, after."""
        self.world = world
        self.number = number
        self.epoch = epoch
        self.crash = crash
        self.writes = 0
        self.alive = True
        self.config = config_of(world, epoch)
        self.loop = VirtualLoop(world.timeline)
        self.loop.waiting.turn = self.turn
        self.loop.set_exception_handler(self._unhandled)
        self.clock = ProcessClock(world.timeline, lambda: world.skew)
        self.gateway: Gateway | None = None
        self._stop = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        connection = Connection(
            world.redis, world.timeline, world.plan, lambda: world.store_net, self.deliver, world.note
        )
        connection.check = self.check
        self.app = App(
            self.config,
            "pod-0",
            clock=self.clock,
            store=connection,
            gateway_factory=lambda _config, _clock, before_send: self._make_gateway(before_send),
            sleep=asyncio.sleep,
            boot=f"boot-{world.boots}",
        )
        parts = self.app.lifecycle._parts
        self.app.lifecycle = Lifecycle([part for part in parts if part is not self.app.admin])

    # --- life ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until it has stopped or is killed."""
        self.loop.create_task(self._serve(), name="serve")
        try:
            self.loop.run_forever()
        except Killed:
            self.world.note("world", f"process {self.number} is dead")
        finally:
            self._bury()

    async def _serve(self) -> None:
        try:
            await self.app.start()
        except OSError as error:
            self.world.note("world", f"process {self.number} cannot start: {error}")
            self.loop.stop()
            return
        await self._stop.wait()
        self.world.judge.left(zero=await self.app.stop("SIGTERM"))
        self.loop.stop()

    def terminate(self) -> None:
        """SIGTERM."""
        self.deliver(self._stop.set)

    def resize(self, base_size: str) -> None:
        """Its config file has another size from now on."""
        parameters = {**self.config.strategy.parameters, "baseSize": Decimal(base_size)}
        strategy = self.config.strategy.model_copy(update={"parameters": parameters})
        self.config = self.config.model_copy(update={"strategy": strategy})
        self.deliver(lambda: self.app._adopt(self.config))

    def kill(self) -> None:
        """SIGKILL: called from the timeline, while the process waits."""
        self.alive = False

    def check(self) -> None:
        """Raises Killed where a dead process tries to reach the world."""
        if not self.alive:
            raise Killed

    def turn(self) -> None:
        """Before each round of the loop."""
        self.check()
        self.world.timeline.after_step()

    def _bury(self) -> None:
        """What the operating system does: its files are closed, and nothing of it runs any more."""
        self.alive = False
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with contextlib.suppress(BaseException):
                task.get_coro().close()
        self.app.journal.close()
        self.loop.close()

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self.alive and not isinstance(error, Killed):
            self.world.judge.fail(f"the loop reports: {context.get('message')}: {error!r}")

    # --- what the world reaches it through ------------------------------------------------------------------

    def deliver(self, work: Callable[[], object]) -> None:
        """Run something inside the process the next time it runs; never, once it is dead."""
        if self.alive:
            self.loop.call_soon(work)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """A task of the gateway's."""
        task = self.loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @property
    def kernel(self) -> Kernel | None:
        """The running kernel."""
        return self.app.dispatcher.kernel  # type: ignore[return-value]

    def _make_gateway(self, before_send: Callable[..., None]) -> Gateway:
        self.gateway = Gateway(self, before_send)
        return self.gateway

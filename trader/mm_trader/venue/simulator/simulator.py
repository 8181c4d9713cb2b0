"""The composition root: engine, market, server and admin put together, started and stopped.

`async with Simulator(config) as sim:` runs it in the current event loop with `sim.port`, `sim.url`, and direct handles
`sim.engine`, `sim.admin`. With a `ManualClock` nothing happens by itself: `await sim.advance(ns)` moves time.
"""

from __future__ import annotations

from email.utils import formatdate
from types import TracebackType
from typing import Self

import structlog
from aiohttp import web

from .admin import Admin
from .config import AccountConfig, ConfigError, MarketKind, Product, SimulatorConfig
from .engine.account import CommissionRates
from .engine.types import E8
from .faults import FaultBoard
from .journal import Journal
from .market.driver import MarketDriver
from .market.preset import Preset, PresetError, load_preset
from .market.seeded import SeededMarket
from .page import Page
from .server.auth import Authenticator
from .server.connection import Channel, text_frame
from .server.limits import RateLimits
from .server.profile import profile_of
from .server.rest import Rest
from .server.sockets import Sockets
from .server.strangers import HTTP_LOG, expected
from .server.streams import StreamHub
from .server.wsapi import WsApi
from .time import NS_PER_S, NS_PER_US, Clock, Scheduler, SystemClock, VenueClock
from .tls import tls_context

PING_INTERVAL_S = 20.0
SHUTDOWN_S = 0.3
DEFAULT_COMMISSION = CommissionRates(100_000, 100_000)


class Simulator:
    """One simulated venue on one port. Raises ConfigError before anything is opened."""

    def __init__(self, config: SimulatorConfig, clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock if clock is not None else SystemClock()
        self.log = structlog.get_logger(__name__)
        self.scheduler = Scheduler(self.clock)
        self.venue_clock = VenueClock(self.clock)
        self.profile = profile_of(config)
        self.engine = self.profile.exchange(config, self.venue_clock.now)
        self.journal = Journal(config.journal_size)
        self.faults = FaultBoard()
        self.limits = RateLimits(config.limits, self.venue_clock)
        self.hub = StreamHub(
            config.limits.streams_per_connection, lambda: self.venue_clock.now() // NS_PER_US
        )
        self._preset = self._load_preset()
        self.client_accounts = tuple(a.name for a in config.accounts)
        for account in config.accounts:
            self.engine.add_account(account.name, account.balances, self._rates(account))
        self.auth = Authenticator(
            self.engine, config.accounts, self.venue_clock, encoded=config.product is Product.SPOT
        )
        self.publisher = self.profile.publisher(
            self.engine, self.hub, self.limits, self.journal, self.scheduler, self._deliver, self.faults
        )
        self.market = self._make_market()
        self.desk = self.profile.desk(
            self.engine, self.auth, self.limits, self.journal, self.publisher, self.venue_clock
        )
        ping = config.ping_interval_s
        self.sockets = Sockets(
            self.scheduler,
            self.faults,
            self.limits,
            ping if ping is not None else 0.0 if self.clock.manual else PING_INTERVAL_S,
        )
        profile = self.profile
        self.wsapi = WsApi(
            self.desk,
            self.faults,
            self.sockets,
            self.scheduler,
            profile.calls,
            profile.gone_methods,
            profile.ws_path.rpartition("/")[2] + "/",
            microseconds=config.product is Product.SPOT,
        )
        self.rest = Rest(
            self.desk,
            self.faults,
            self.scheduler,
            profile.calls,
            profile.prefix,
            futures=config.product is Product.USDM,
        )
        self.extras = profile.extras(self)
        if config.product is Product.SPOT:  # elsewhere the profile knows who listens
            self.publisher.listened_to = self.wsapi.listened_to
        self.admin = Admin(self)
        self.page = Page(self)
        self._runner: web.AppRunner | None = None
        self._dated = (-1, "")
        """The second of the last answer, and as HTTP writes it."""
        self.port = config.port

    # --- life -----------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Open the port and let the market begin. Raises OSError if the port is taken."""
        runner = web.AppRunner(
            self._app(),
            access_log=None,
            logger=HTTP_LOG,
            shutdown_timeout=SHUTDOWN_S,
            handle_signals=False,
            keepalive_timeout=75,
        )
        await runner.setup()
        self._runner = runner
        tls = self.config.tls
        context = tls_context(tls) if tls is not None else None
        site = web.TCPSite(runner, self.config.host, self.config.port, ssl_context=context)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self.port = runner.addresses[0][1]
        self.market.start()
        self.publisher.start()
        self.extras.start()
        self.scheduler.start()

    async def stop(self) -> None:
        """Cut every connection and close the port."""
        self.scheduler.stop()
        self.page.close()
        for connection in list(self.sockets.live):
            connection.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def advance(self, ns: int) -> None:
        """Move a manual clock forward, running everything that falls due."""
        await self.scheduler.advance(ns)

    @property
    def url(self) -> str:
        """Base address for REST, `http://host:port`, https with TLS."""
        return f"http{self._secure}://{self.config.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Base address for sockets, `ws://host:port`, wss with TLS."""
        return f"ws{self._secure}://{self.config.host}:{self.port}"

    @property
    def _secure(self) -> str:
        return "" if self.config.tls is None else "s"

    # --- control --------------------------------------------------------------------------------------------
    def reset(self) -> None:
        """Testnet reset; see `actions.reset`."""
        self.engine.forget_all()
        for account in self.config.accounts:
            for asset, amount in account.balances.items():
                self.engine.accounts[account.name].balance(asset).free = amount
        self.extras.reset()
        self.market.reseed()
        self.journal.add("reset", self.venue_clock.now(), "*")

    def accept_again(self) -> None:
        self.sockets.refuse_new = False

    def announce_shutdown(self) -> int:
        """`serverShutdown` to every connection, in each one's own framing; how many."""
        event = f'{{"e":"serverShutdown","E":{self.desk.now_ms()}}}'
        for client in self.hub.clients:
            frame = client.frame("!serverShutdown", event, self.desk.now_us())
            client.connection.send_frame(frame, Channel.MARKET)
        for session in self.wsapi.sessions:
            session.connection.send_frame(text_frame(f'{{"event":{event}}}'), Channel.USER)
        return len(self.hub.clients) + len(self.wsapi.sessions)

    # --- inside ---------------------------------------------------------------------------------------------
    def _deliver(self, account: str, text: str, ahead: str = "", /) -> None:
        self.wsapi.deliver(account, text, ahead)

    def _load_preset(self) -> Preset | None:
        if self.config.market.kind is MarketKind.REPLAY:
            return None
        try:
            return load_preset(self.config.market.preset)
        except PresetError as error:
            raise ConfigError(f"--market: {error}") from error

    def _rates(self, account: AccountConfig) -> CommissionRates:
        maker, taker = account.maker_commission, account.taker_commission
        if self._preset is not None:
            maker = self._preset.maker_commission if maker is None else maker
            taker = self._preset.taker_commission if taker is None else taker
        return CommissionRates(
            DEFAULT_COMMISSION.maker_e8 if maker is None else int(maker * E8),
            DEFAULT_COMMISSION.taker_e8 if taker is None else int(taker * E8),
        )

    def _make_market(self) -> MarketDriver:
        config = self.config.market
        if config.kind is MarketKind.SEEDED:
            assert self._preset is not None, "a seeded market has a preset"
            return SeededMarket(
                self.engine, self.scheduler, self.publisher.pump, config.seed, self._preset, self.config.speed
            )
        from .market.both import BothMarket
        from .market.replay import ReplayError, ReplayMarket

        try:
            if config.kind is MarketKind.BOTH:
                assert self._preset is not None, "takers have a preset"
                return BothMarket(
                    self.engine,
                    self.scheduler,
                    self.publisher.pump,
                    config.files,
                    config.seed,
                    self._preset,
                    self.config.speed,
                )
            return ReplayMarket(
                self.engine, self.scheduler, self.publisher.pump, config.files, self.config.speed
            )
        except ReplayError as error:
            raise ConfigError(f"--market: {error}") from error

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        """HTTP's own date is the venue's, so that a run on a manual clock repeats to the byte."""
        second = self.venue_clock.now() // NS_PER_S
        if self._dated[0] != second:
            self._dated = (second, formatdate(second, usegmt=True))
        response.headers["Date"] = self._dated[1]

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=1024 * 1024)
        app.on_response_prepare.append(self._date)
        self.admin.routes(app)
        self.page.routes(app)
        for path in (self.profile.ws_path, f"{self.profile.ws_path}/"):
            app.router.add_get(path, self.wsapi.serve, expect_handler=expected)
        self.extras.routes(app)
        app.router.add_route("*", "/{rest:.*}", self.rest.handle, expect_handler=expected)
        return app

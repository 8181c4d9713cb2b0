"""The port on Binance spot: builds the parts, connects them, and routes commands. All the work is in the parts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import structlog

from mm_api.kinds.common import Venue
from mm_api.trader_config import VenueConfig
from mm_trader.core.clock import Clock
from mm_trader.core.commands import (
    Amend,
    Cancel,
    CancelAllOwn,
    CancelReplace,
    Command,
    Place,
    QueryOrder,
    RequestDepth,
    RequestReconcile,
)
from mm_trader.core.events import PublicTrade, StreamName, Trouble, VenueTrouble
from mm_trader.core.units import NS_PER_MS, SymbolRules
from mm_trader.venue.binance.account import AccountReader, VenueReader
from mm_trader.venue.binance.answers import Answers
from mm_trader.venue.binance.clock_keeper import ClockKeeper
from mm_trader.venue.binance.credentials import Credentials, load_credentials
from mm_trader.venue.binance.directory import at_start, check_address, rules_with_fees
from mm_trader.venue.binance.filters import LastLook
from mm_trader.venue.binance.governor import RateGovernor
from mm_trader.venue.binance.market_feed import MarketFeed
from mm_trader.venue.binance.order_channel import ChannelOptions, OrderChannel
from mm_trader.venue.binance.order_requests import OrderCommand
from mm_trader.venue.binance.queries import Queries
from mm_trader.venue.binance.reflexes import Reflexes
from mm_trader.venue.binance.settings import GatewaySettings
from mm_trader.venue.binance.sweep import Sweeper
from mm_trader.venue.binance.transport.background import Background
from mm_trader.venue.binance.transport.link import Link, LinkHandler
from mm_trader.venue.binance.transport.rest import RestClient
from mm_trader.venue.binance.user_feed import UserFeed
from mm_trader.venue.binance.venue_clock import VenueClock
from mm_trader.venue.binance.watch import ResetWatch, RulesWatch
from mm_trader.venue.binance.wire.numbers import SymbolNumbers, numbers_by_symbol
from mm_trader.venue.binance.wire.orders import RequestEncoder
from mm_trader.venue.port import EventSink, GatewayHealth, VenueError
from mm_trader.venue.products import SPOT

log = structlog.get_logger(__name__)


class UserHandler(LinkHandler, Protocol):
    """The user data link, and what start-up must know of it."""

    key_refused: asyncio.Event
    refusal: str


class BinanceGateway:
    """One account at Binance spot, or at anything that speaks its protocol.

    `before_send` is called with each Place right before it is written; if it raises OSError the place is dropped. `rng` is for jitter alone.
    """

    venue = Venue.BINANCE
    capabilities = SPOT
    rest_prefix = "/api/v3"
    order_commands: tuple[type[Command], ...] = (Place, Cancel, Amend, CancelReplace)

    def __init__(
        self,
        config: VenueConfig,
        clock: Clock,
        *,
        before_send: Callable[[Place], None] | None = None,
        credentials: Credentials | None = None,
        settings: GatewaySettings | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Reads the credentials where none are given. Raises VenueError."""
        check_address(config, self.venue)
        self._config = config
        self._clock = clock
        self._before_send = before_send
        self._settings = settings or GatewaySettings()
        self._rng = rng or random.Random()
        self._credentials = credentials or load_credentials(config.credentials_dir)
        self._encoder = RequestEncoder(self._credentials, config.recv_window)
        self._venue_clock = VenueClock(clock)
        self._governor = RateGovernor(self._venue_clock, self._settings)
        self._reflexes = Reflexes(
            self._governor,
            self._credentials.redact,
            lambda sent_ns: self._clock_keeper.refused(sent_ns),
            lambda: self._drop(StreamName.ORDERS),
            self._look_at_rules,
            self._trouble,
        )
        self._rest = RestClient(
            config.rest_url,
            self._credentials,
            self._encoder,
            self._venue_clock,
            self._governor,
            self._reflexes,
            self._settings,
            self.rest_prefix,
        )
        self._reader = VenueReader(self._rest)
        self._chores = Background(limit=4)
        self._clock_keeper = ClockKeeper(
            self._venue_clock,
            self._time_ms,
            self._encoder.recv_window_ms,
            self._settings,
            self._chores,
            lambda detail: self._trouble(Trouble.CLOCK, detail),
        )
        self._checks = Background(limit=64)
        self._sink: EventSink | None = None
        self._watch: RulesWatch | None = None
        self._look: LastLook | None = None
        self._links: dict[StreamName, Link] = {}
        self._more_links: list[Link] = []
        """Connections whose loss is nobody's business."""
        self._orders: OrderChannel | None = None
        self._users: UserHandler | None = None
        self._queries: Queries | None = None
        self._sweeper: Sweeper | None = None
        self._blocked = False

    # --- life --------------------------------------------------------------------------------------------------------------------------------

    async def load_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        """See the port."""
        return await at_start(
            lambda: self._venue_clock.measure(self._time_ms, self._settings.clock_samples),
            lambda: self._read_rules(symbols),
        )

    async def start(self, rules: dict[str, SymbolRules], client_id_prefix: str, sink: EventSink) -> None:
        """See the port. Once in its life. Returns when all connections are up, or after a while without: they go on trying, and StreamStatus tells."""
        if self._links:
            raise RuntimeError("the gateway is started already")
        self._build(rules, client_id_prefix, sink)
        assert self._orders is not None
        self._orders.start()
        for link in self._all_links():
            link.start()
        self._chores.start(self._clock_keeper.run(), "venue-clock")
        assert self._watch is not None
        self._chores.start(self._watch.run(), "rules-watch")
        try:
            await self._until_connected()
        except VenueError:
            await self.stop()
            raise

    def _build(self, rules: dict[str, SymbolRules], prefix: str, sink: EventSink) -> None:
        settings, clock = self._settings, self._clock
        numbers = numbers_by_symbol(rules)
        account = self._make_account(numbers, prefix)
        answers = Answers(clock, sink)

        def may_land_until(symbol: str) -> int:
            return orders.may_land_until(symbol)

        self._sink = sink
        self._watch = self._make_watch(rules, sink)
        resets = ResetWatch(
            account,
            settings,
            clock,
            sink,
            lambda symbol: self._checks.start(resets.check(symbol), "reset-check"),
        )
        account.on_own_order = resets.on_own_order
        self._look = look = LastLook(self._watch.rules)
        heard = look.listening(sink)
        self._sweeper = Sweeper(account, clock, settings, may_land_until)
        self._queries = Queries(account, self._sweeper, self._venue_clock, settings, heard, answers, resets)
        self._orders = orders = OrderChannel(
            self._config.ws_api_url,
            numbers,
            self._encoder,
            self._venue_clock,
            self._governor,
            self._reflexes,
            settings,
            sink,
            answers,
            self._before_send,
            look.refuses,
            self._queries.cancel,
            lambda: self._renew(StreamName.ORDERS),
            account.note_order,
            **self._channel_options(numbers),
        )
        orders.block(self._blocked)
        self._users = self._make_users(numbers, prefix, heard, resets)
        market = self._make_market(numbers, sink)
        handlers: dict[StreamName, LinkHandler] = {
            StreamName.USER: self._users,
            StreamName.ORDERS: orders,
            StreamName.MARKET: market,
        }
        for stream, handler in handlers.items():
            self._links[stream] = Link(stream.value, handler, clock, self._governor, settings, self._rng)

    # --- what products differ in --------------------------------------------------------------------------------------------------------------

    async def _time_ms(self) -> int:
        return await self._reader.time_ms()

    async def _read_rules(self, symbols: Sequence[str]) -> dict[str, SymbolRules]:
        return await rules_with_fees(self._reader, self._governor, symbols)

    def _make_account(self, numbers: Mapping[str, SymbolNumbers], prefix: str) -> AccountReader:
        self._account = AccountReader(self._rest, numbers, prefix, self._clock, self._settings)
        return self._account

    def _channel_options(self, _numbers: Mapping[str, SymbolNumbers]) -> ChannelOptions:
        return {}

    def _make_watch(self, rules: dict[str, SymbolRules], sink: EventSink) -> RulesWatch:
        return RulesWatch(self._reader, self._governor, self._settings, self._clock, rules, sink)

    def _make_users(
        self, numbers: Mapping[str, SymbolNumbers], prefix: str, sink: EventSink, resets: ResetWatch
    ) -> UserHandler:
        return UserFeed(
            self._config.ws_api_url,
            numbers,
            self._encoder,
            self._venue_clock,
            self._governor,
            self._reflexes,
            prefix,
            sink,
            lambda: self._renew(StreamName.USER),
            resets.suspect_all,
            self._keys_refused,
            self._account.note_order,
        )

    def _keys_refused(self, words: str) -> None:
        self._trouble(Trouble.KEYS, f"the venue refused the keys: {words}")

    def _on_trade(self, trade: PublicTrade) -> None:
        assert self._look is not None
        self._look.on_trade(trade)

    def _make_market(self, numbers: Mapping[str, SymbolNumbers], sink: EventSink) -> LinkHandler:
        return MarketFeed(
            self._config.stream_url,
            numbers,
            self._clock,
            sink,
            lambda: self._renew(StreamName.MARKET),
            self._on_trade,
        )

    async def keep_switch(self, _symbols: Sequence[str], _timeout_s: float) -> bool:
        """See the port. Spot has no such switch."""
        return False

    def _all_links(self) -> list[Link]:
        return [*self._links.values(), *self._more_links]

    async def _until_connected(self) -> None:
        """Raises VenueError when the key is refused meanwhile."""
        assert self._users is not None
        refused = asyncio.create_task(self._users.key_refused.wait())
        connected = asyncio.create_task(self._all_connected())
        try:
            await asyncio.wait(
                {refused, connected},
                timeout=self._settings.start_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            refused.cancel()
            connected.cancel()
        if self._users.key_refused.is_set():
            raise VenueError(
                "CredentialsRefused", f"user data stream refused: {self._users.refusal}", permanent=True
            )

    async def _all_connected(self) -> None:
        for link in self._links.values():
            await link.connected.wait()

    async def stop(self) -> None:
        """See the port."""
        if self._orders is not None:
            await self._orders.stop()
        for link in self._all_links():
            await link.stop()
        if self._queries is not None:
            await self._queries.stop()
        await self._chores.close()
        await self._checks.close()
        await self._rest.close()

    # --- commands ----------------------------------------------------------------------------------------------------------------------------

    def submit(self, command: Command) -> None:
        """See the port. Raises RuntimeError before start() and TypeError for a command that is the shell's."""
        if self._orders is None or self._queries is None:
            raise RuntimeError("the gateway is not started")
        if isinstance(command, self.order_commands):
            self._orders.submit(cast(OrderCommand, command))
        elif isinstance(command, QueryOrder | RequestReconcile | RequestDepth | CancelAllOwn):
            self._queries.submit(command)
        else:
            raise TypeError(f"{type(command).__name__} is no command for a venue")

    def block_places(self, blocked: bool) -> None:
        """See the port. Also before start()."""
        self._blocked = blocked
        if self._orders is not None:
            self._orders.block(blocked)

    async def cancel_all_own(self, symbols: Sequence[str], timeout_s: float) -> bool:
        """See the port."""
        if self._sweeper is None:
            raise RuntimeError("the gateway is not started")
        return await self._sweeper.sweep(list(symbols), timeout_s)

    def drop_connections(self) -> None:
        """See the port."""
        for link in self._all_links():
            link.drop()

    def health(self) -> GatewayHealth:
        """See the port."""
        now = self._clock.monotonic_ns()
        ages: dict[str, int] = {}
        for stream, link in self._links.items():
            if link.heard_ns is not None:
                ages[stream.value] = (now - link.heard_ns) // NS_PER_MS
        used, limit = self._governor.weight()
        return GatewayHealth(
            streams={stream.value: link.session is not None for stream, link in self._links.items()},
            last_message_age_ms=ages,
            clock_offset_ms=self._venue_clock.offset_ms,
            clock_base_ns=self._venue_clock.base_ns,
            used_weight=used,
            weight_limit=limit,
            reconnects={stream.value: max(0, link.connects - 1) for stream, link in self._links.items()},
        )

    # --- chores ------------------------------------------------------------------------------------------------------------------------------

    def _renew(self, stream: StreamName) -> None:
        self._links[stream].renew()

    def _drop(self, stream: StreamName) -> None:
        link = self._links.get(stream)
        if link is not None:
            link.drop()

    def _look_at_rules(self) -> None:
        if self._watch is not None:
            self._watch.look()

    def _trouble(self, trouble: Trouble, detail: str) -> None:
        log.error("venue_trouble", trouble=trouble.value, detail=detail)
        if self._sink is not None:
            self._sink(VenueTrouble(ts=self._clock.monotonic_ns(), trouble=trouble, detail=detail))

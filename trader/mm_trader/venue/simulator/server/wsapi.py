"""WebSocket API framing: `{id, method, params}` in, `{id, status, result | error, rateLimits}` out, sessions, user data.

User events go out as `{subscriptionId, event}` on the connection that subscribed, one subscription per account each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from ..engine.errors import RefusalError
from ..faults import USER_KINDS, Fault, FaultBoard, FaultKind
from ..time import NS_PER_MS, Scheduler
from .auth import Identity, key_refused, ws_payload
from .connection import Channel, Connection, text_frame
from .desk import Call, Desk, Request, Security
from .outcome import Outcome, run, wait_ms
from .params import Params
from .rest import ALL_CALLS
from .sockets import TOO_MANY, OnText, Sockets, refused
from .time_unit import event_in_us, microseconds_wanted, reply_in_us
from .ws_request import BadRequestError, read_request

CONNECT_WEIGHT = 2
BANNED = 418
IP_BANNED = "IP banned"
GONE_METHODS = frozenset({"userDataStream.start", "userDataStream.ping", "userDataStream.stop"})

UserListeners = Callable[[str, str], Iterable[tuple[Connection, bytes]]]
"""(account name, JSON text of an event) → the connections that get it, each with its frame."""


class SessionRevokedError(RefusalError):
    """The key that the session is logged on with has become invalid: the venue says so under no id, and forgets the log-on."""

    def __init__(self) -> None:
        refused_key = key_refused()
        super().__init__(refused_key.code, refused_key.msg, refused_key.status)


class Session:
    """One WebSocket API connection: who logged on, which accounts it listens to."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self.connection = connection
        self.connected_ms = now_ms
        self.identity: Identity | None = None
        self.authorized_ms: int | None = None
        self.return_limits = True
        self.precise = False
        """Whether times are sent in microseconds."""
        self.subscriptions: dict[str, int] = {}
        """Subscription id by account name."""
        self.by_logon: set[str] = set()
        """Accounts whose subscription ends with the log-on."""
        self.last_account: str | None = None

    def matches(self, channel: Channel, account: str | None) -> bool:
        """Whether the admin API means this connection by `channel` (user or orders) and `account`."""
        if channel is Channel.USER:
            return bool(self.subscriptions) and (account is None or account in self.subscriptions)
        if channel is Channel.ORDERS:
            used_for_orders = self.last_account is not None or not self.subscriptions
            return used_for_orders and account in (None, self.last_account)
        return False


class WsApi:
    """Handles the WebSocket API. `calls`: the product's; `gone`: methods that it no longer has; `version`: what may stand before a method."""

    def __init__(
        self,
        desk: Desk,
        faults: FaultBoard,
        sockets: Sockets,
        scheduler: Scheduler,
        calls: Iterable[Call] = ALL_CALLS,
        gone: frozenset[str] = GONE_METHODS,
        version: str = "v3/",
        microseconds: bool = True,
    ) -> None:
        self._calls = {c.ws: c for c in calls if c.ws is not None}
        self._gone = gone
        self._version = version
        self._microseconds = microseconds
        self._own: dict[str, Callable[[Session, dict[str, str]], Any]] = {
            "session.logon": self._logon,
            "session.status": lambda s, _: self._status(s),
            "session.logout": self._logout,
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
            "session.subscriptions": self._subscriptions,
        }
        """What the session does itself."""
        self.desk = desk
        self.faults = faults
        self.sockets = sockets
        self.scheduler = scheduler
        self.sessions: dict[Session, None] = {}
        self.listeners: list[UserListeners] = [self._subscribers]
        """Who hears of an account, and the frame each is sent."""
        self._subscription_id = 0
        self._held: dict[str, str] = {}
        """By account, the user event that the next one is to overtake."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        mine: list[Session] = []
        try:
            precise = self._microseconds and microseconds_wanted(request.query.get("timeUnit"))
            self.desk.limits.charge(request.remote or "", CONNECT_WEIGHT)
        except RefusalError as error:
            return refused(error)
        always_limits = request.query.get("returnRateLimits", "true").lower() != "false"

        def begin(connection: Connection) -> OnText:
            session = Session(connection, self.desk.now_ms())
            session.return_limits = always_limits
            session.precise = precise
            mine.append(session)
            self.sessions[session] = None
            return lambda text: self._receive(session, text)

        def end() -> None:
            for session in mine:
                self.sessions.pop(session, None)

        return await self.sockets.serve(
            request,
            lambda channel, account: bool(mine) and mine[0].matches(channel, account),
            begin,
            end,
            texts_limited=False,
            headers=self.desk.limits.headers(request.remote or "", None),
        )

    # --- user events ----------------------------------------------------------------------------------------
    def listened_to(self, account: str) -> bool:
        """Whether an event of `account` would go out, or a fault may count it."""
        for session in self.sessions:
            if account in session.subscriptions:
                return True
        return bool(self.faults.armed)

    def deliver(self, account: str, text: str, ahead: str = "") -> None:
        """Send a user event to every connection subscribed to `account`, unless a fault eats it; `ahead` goes before it."""
        fault = self.faults.take(USER_KINDS, account) if self.faults.armed else None
        if fault is not None and fault.kind is FaultKind.LOSE_USER_EVENT:
            return
        if ahead:
            self._send_event(account, ahead, fault)
        if fault is not None and fault.kind is FaultKind.REORDER_USER_EVENT and account not in self._held:
            self._held[account] = text
            self.scheduler.call_after(fault.ms * NS_PER_MS, lambda: self._release(account, text))
            return
        self._send_event(account, text, fault)
        held = self._held.get(account)
        if held is not None:
            self._release(account, held)

    def _release(self, account: str, text: str) -> None:
        """Send the event that waited for the next one, if it still waits."""
        if self._held.get(account) is text:
            del self._held[account]
            self._send_event(account, text, None)

    def _send_event(self, account: str, text: str, fault: Fault | None) -> None:
        times = 2 if fault is not None and fault.kind is FaultKind.DUPLICATE_USER_EVENT else 1
        for connection, frame in [one for listeners in self.listeners for one in listeners(account, text)]:
            if fault is not None and fault.kind is FaultKind.LATE_USER_EVENT:
                self._send_late(connection, frame, fault.ms)
                continue
            for _ in range(times):
                connection.send_frame(frame, Channel.USER)

    def _subscribers(self, account: str, text: str) -> Iterator[tuple[Connection, bytes]]:
        for session in self.sessions:
            number = session.subscriptions.get(account)
            if number is not None:
                yield session.connection, self._event_frame(session, number, text)

    def _event_frame(self, session: Session, number: int, text: str) -> bytes:
        if session.precise:
            text = event_in_us(text, self.desk.now_us())
        return text_frame(f'{{"subscriptionId":{number},"event":{text}}}')

    def _send_late(self, connection: Connection, frame: bytes, delay_ms: int) -> None:
        self.scheduler.call_after(delay_ms * NS_PER_MS, lambda: connection.send_frame(frame, Channel.USER))

    def end_banned(self) -> None:
        """Every address has been banned: their connections end."""
        for session in list(self.sessions):
            session.connection.end(TOO_MANY, IP_BANNED)

    # --- requests -------------------------------------------------------------------------------------------
    def _receive(self, session: Session, text: str) -> None:
        number: Any = None
        values: dict[str, str] = {}
        try:
            number, method, values = read_request(text)
            prepared = self._prepare(session, method, values)
        except RefusalError as error:
            self._answer(session, number, values, Outcome(error.status, error=error), Channel.ORDERS)
            return
        if isinstance(prepared, Outcome):
            self._answer(session, number, values, prepared, Channel.USER)
            return
        call, request = prepared

        counted = request.account.name if call.counts_orders else None

        def execute() -> None:
            outcome = run(self.desk, self.faults, call, request)
            self._answer(session, number, values, outcome, Channel.ORDERS, counted)

        wait = wait_ms(self.faults, call, request)
        if wait:
            self.scheduler.call_after(wait * NS_PER_MS, execute)
        else:
            execute()

    def _answer(
        self,
        session: Session,
        number: Any,
        values: dict[str, str],
        outcome: Outcome | None,
        channel: Channel,
        counted: str | None = None,
    ) -> None:
        """Send what goes back, if anything; late where a fault says so. `counted`: the account whose order counts it tells."""
        if outcome is None:
            return
        if outcome.late_ms:
            now = replace(outcome, late_ms=0)
            self.scheduler.call_after(
                outcome.late_ms * NS_PER_MS,
                lambda: self._answer(session, number, values, now, channel, counted),
            )
            return
        if outcome.raw is not None:
            session.connection.send_frame(text_frame(outcome.raw), channel)
            return
        reply = self._reply(session, number, outcome)
        limits = session.return_limits
        if "returnRateLimits" in values:
            limits = values["returnRateLimits"] != "false"
        if limits:
            reply["rateLimits"] = msgspec.Raw(
                self.desk.limits.encoded(session.connection.ip, counted).encode()
            )
        session.connection.send(reply, channel)
        if outcome.status == BANNED:
            session.connection.end(TOO_MANY, IP_BANNED)

    def _prepare(
        self, session: Session, method: str, values: dict[str, str]
    ) -> Outcome | tuple[Call, Request]:
        """The answer to what the session does itself; for a call of the desk, what is to be run. Raises RefusalError."""
        method = method.removeprefix(self._version)
        own = self._own.get(method)
        if own is not None:
            self.desk.limits.charge(session.connection.ip, CONNECT_WEIGHT)
            return Outcome(200, own(session, values))
        if method in self._gone:
            raise RefusalError(-1000, "This method has been removed; use userDataStream.subscribe.", 410)
        call = self._calls.get(method)
        if call is None:
            raise RefusalError(-1020, f"Unknown method '{method[:60]}'. This operation is not supported.")
        identity = None
        if call.security is Security.SIGNED:
            identity = self._identify(session, values)
            session.last_account = identity.account.name if call.trades else session.last_account
        elif call.security is Security.KEY:
            identity = self.desk.auth.key(values.get("apiKey"))
        source = f"ws:{session.connection.number}"
        return call, Request(Params(values), identity, session.connection.ip, source)

    def _identify(self, session: Session, values: dict[str, str]) -> Identity:
        """The signed request's own key, or the session's if it carries none."""
        if "apiKey" in values or "signature" in values or session.identity is None:
            return self.desk.auth.ws(values)
        try:
            self.desk.auth.key(session.identity.key.api_key)
        except RefusalError as error:
            session.identity = session.authorized_ms = None
            raise SessionRevokedError from error
        self.desk.auth.check_time(values.get("timestamp"), values.get("recvWindow"))
        return session.identity

    def _reply(self, session: Session, number: Any, outcome: Outcome) -> dict[str, Any]:
        reply: dict[str, Any] = {"id": number, "status": outcome.status}
        if outcome.error is not None:
            error = outcome.error
            if isinstance(error, BadRequestError):
                reply["id"] = error.number
            elif isinstance(error, SessionRevokedError):
                reply["id"] = None
            reply["error"] = {"code": error.code, "msg": error.msg}
            if error.data is not None:
                data = dict(error.data)
                if "retryAfter" in data:  # seconds on REST, but the moment in epoch ms here
                    data["serverTime"] = self.desk.now_ms()
                    data["retryAfter"] = data["serverTime"] + data["retryAfter"] * 1000
                reply["error"]["data"] = data
        else:
            reply["result"] = outcome.result
        return reply_in_us(reply, self.desk.now_us()) if session.precise else reply

    # --- sessions -------------------------------------------------------------------------------------------
    def _logon(self, session: Session, values: dict[str, str]) -> Any:
        identity = self.desk.auth.key(values.get("apiKey"))
        if not isinstance(identity.key.public_key, Ed25519PublicKey):
            kind = "HMAC_SHA256" if identity.key.public_key is None else "RSA"
            raise RefusalError(-4056, f"{kind} API key is not supported.", 401)
        self.desk.auth.check_time(values.get("timestamp"), values.get("recvWindow"))
        self.desk.auth.check_signature(identity.key, ws_payload(values), values.get("signature"))
        session.identity = identity
        session.authorized_ms = self.desk.now_ms()
        return self._status(session)

    def _status(self, session: Session) -> Any:
        return {
            "apiKey": session.identity.key.api_key if session.identity is not None else None,
            "authorizedSince": session.authorized_ms,
            "connectedSince": session.connected_ms,
            "returnRateLimits": session.return_limits,
            "serverTime": self.desk.now_ms(),
            "userDataStream": bool(session.subscriptions),
        }

    def _logout(self, session: Session, _values: dict[str, str]) -> Any:
        for name in session.by_logon:
            self._end_subscription(session, name)
        session.by_logon.clear()
        session.identity = None
        session.authorized_ms = None
        return self._status(session)

    def _subscribe(self, session: Session, _values: dict[str, str]) -> Any:
        if session.identity is None:
            raise key_refused()
        answer = self._add_subscription(session, session.identity)
        session.by_logon.add(session.identity.account.name)
        return answer

    def _subscribe_signed(self, session: Session, values: dict[str, str]) -> Any:
        return self._add_subscription(session, self.desk.auth.ws(values))

    def _add_subscription(self, session: Session, identity: Identity) -> Any:
        name = identity.account.name
        if name in session.subscriptions:
            raise RefusalError(-2035, "User Data Stream subscription already active.")
        self._subscription_id += 1
        session.subscriptions[name] = self._subscription_id
        return {"subscriptionId": self._subscription_id}

    def _unsubscribe(self, session: Session, values: dict[str, str]) -> Any:
        wanted = Params(values).integer("subscriptionId")
        found = [n for n, number in session.subscriptions.items() if wanted is None or number == wanted]
        if not found:
            raise RefusalError(-2036, "User Data Stream subscription not active.")
        for name in found:
            self._end_subscription(session, name)
            session.by_logon.discard(name)
        return {}

    def _end_subscription(self, session: Session, account: str) -> None:
        """Its last event says so."""
        number = session.subscriptions.pop(account, None)
        if number is not None:
            event = f'{{"e":"eventStreamTerminated","E":{self.desk.now_ms()}}}'
            session.connection.send_frame(self._event_frame(session, number, event), Channel.USER)

    def _subscriptions(self, session: Session, _values: dict[str, str]) -> Any:
        return [{"subscriptionId": number} for number in session.subscriptions.values()]

"""Mail by SMTP. The standard library blocks, so each mail has a thread of its own: a slow server takes none that connections to the venue need."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

import structlog

from mm_api.redis_contract import AlertRecord
from mm_api.trader_config import AlertChannel, TraderConfig
from mm_trader.shell.alerts.outlet import SendError
from mm_trader.shell.alerts.text import body, headline

STEP_TIMEOUT_S = 30.0
"""Longest silence of a server that is waited for; the outlet bounds the whole. Servers that distrust strangers take their time on purpose."""
log = structlog.get_logger("alerts")


class _Line:
    """The sockets of one mail: its thread opens them, the loop may cut them at any moment, also while they are being opened."""

    def __init__(self) -> None:
        self._sockets: list[Callable[[], socket.socket | None]] = []
        self._cut = False

    def opened(self, *sockets: Callable[[], socket.socket | None]) -> None:
        """These carry the mail now. Noted before the look at whether the line was cut, as a cut is before its look at the sockets: one of both sees it."""
        self._sockets.extend(sockets)
        if self._cut:
            self._shut()

    def cut(self) -> None:
        """Whoever waits on a socket of it, now or later, is done waiting."""
        self._cut = True
        self._shut()

    def _shut(self) -> None:
        for of in list(self._sockets):
            open_socket = of()
            if open_socket is not None:
                with contextlib.suppress(OSError):  # it is shut already
                    open_socket.shutdown(socket.SHUT_RDWR)


class SmtpSender:
    """One connection for each mail, as alerts are rare; never two at once."""

    def __init__(self, config: TraderConfig, channel: AlertChannel, password: str | None) -> None:
        self._config = config
        self._channel = channel
        self._password = password
        self._thread: threading.Thread | None = None
        self._line = _Line()

    @property
    def busy(self) -> bool:
        """Whether a mail is under way, one that was given up included."""
        return self._thread is not None and self._thread.is_alive()

    async def send(self, record: AlertRecord) -> None:
        """Send one mail. Cancelled, it shuts the connection, and the thread ends by that."""
        if self.busy:
            raise SendError("not done with the mail before")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(problem: Exception | None) -> None:
            if done.done():
                return
            if problem is None:
                done.set_result(None)
            else:
                done.set_exception(problem)

        def work() -> None:
            problem: Exception | None = None
            try:
                self._send(record)
            except Exception as error:  # noqa: BLE001 - carried over to whoever waits
                problem = error
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and nobody waits
                loop.call_soon_threadsafe(settle, problem)

        self._line = _Line()
        self._thread = threading.Thread(target=work, name=f"mail-{self._channel.name}", daemon=True)
        self._thread.start()
        try:
            await done
        except asyncio.CancelledError:
            self._line.cut()
            raise

    def _send(self, record: AlertRecord) -> None:
        channel, mail = self._channel, self._mail(record)
        try:
            with self._server() as server:
                if channel.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if channel.username is not None:
                    server.login(channel.username, self._password or "")
                refused = server.send_message(mail)
        except smtplib.SMTPException as error:
            raise self._problem(error) from None
        if refused:  # the others have it; sent again they would have it twice
            log.warning(
                "alert_recipients_refused",
                channel=channel.name,
                refused={address: code for address, (code, _) in refused.items()},
            )

    def _mail(self, record: AlertRecord) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._channel.sender, ", ".join(self._channel.recipients)
        mail["Subject"] = headline(self._config, record)
        mail["Date"], mail["Message-ID"] = formatdate(record.at_ms / 1000), make_msgid(domain="mm-rebuild")
        if record.severity == "critical":
            mail["X-Priority"] = "1"
        mail.set_content(body(self._config, record))
        return mail

    def _server(self) -> smtplib.SMTP:
        line = self._line

        class Plain(smtplib.SMTP):
            def _get_socket(self, *where: Any) -> Any:
                raw = super()._get_socket(*where)  # type: ignore[misc]
                line.opened(lambda: raw, lambda: self.sock)
                return raw

        class Secure(smtplib.SMTP_SSL):
            def _get_socket(self, *where: Any) -> Any:
                raw = super()._get_socket(*where)  # type: ignore[misc]
                line.opened(lambda: raw)
                return raw

        host, port = self._channel.host or "", self._channel.port or 25
        if self._channel.security == "tls":
            return Secure(host, port, timeout=STEP_TIMEOUT_S, context=ssl.create_default_context())
        return Plain(host, port, timeout=STEP_TIMEOUT_S)

    def _problem(self, error: smtplib.SMTPException) -> SendError:
        """The kind and the code; a server's words may repeat what it was told."""
        codes = [getattr(error, "smtp_code", None)]
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = [code for code, _ in error.recipients.values()]
        said = " ".join(sorted({str(code) for code in codes if code}))
        refused = any(isinstance(code, int) and code >= 500 for code in codes) and not isinstance(
            error, smtplib.SMTPAuthenticationError
        )
        where = f"{self._channel.host}:{self._channel.port or 25}"
        return SendError(f"{where}: {type(error).__name__} {said}".rstrip(), refused=refused)

    async def repeat(self) -> None:
        """A mail is sent once."""

    async def close(self) -> None:
        """A mail under way is given up."""
        self._line.cut()

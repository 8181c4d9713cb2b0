"""What each channel says, heard by real servers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from alert_doubles import AT_MS, alert, channel, config, until
from structlog.testing import capture_logs

from mm_api.trader_config import AlertChannel
from mm_trader.core.clock import ManualClock
from mm_trader.shell.alerts import Alerts
from mm_trader.shell.alerts.build import AlertsPart, build_outlets
from mm_trader.shell.alerts.mail import SmtpSender
from mm_trader.shell.alerts.outlet import SendError
from mm_trader.shell.alerts.senders import (
    AlertmanagerSender,
    ConsoleSender,
    HttpSender,
    WebhookSender,
)
from mm_trader.shell.tasks import Tasks


class Mailbox:
    """An aiosmtpd handler that keeps what it gets."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.refuses = False

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        if self.refuses:
            return "451 try later"
        self.envelopes.append(envelope)
        return "250 OK"


@asynccontextmanager
async def smtp_server(mailbox: Mailbox | None = None, **options: Any) -> AsyncIterator[tuple[Mailbox, int]]:
    mailbox = mailbox or Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=0, **options)
    started = threading.Thread(target=_start, args=(controller,))
    started.start()
    await asyncio.to_thread(started.join)
    try:
        yield mailbox, controller.server.sockets[0].getsockname()[1]
    finally:
        await asyncio.to_thread(controller.stop)


def _start(controller: Controller) -> None:
    # its own self-test connects to the port it was given, which is 0: the server listens already
    with contextlib.suppress(ConnectionRefusedError):
        controller.start()


def mail_channel(port: int, **fields: Any) -> AlertChannel:
    return channel(
        "Smtp",
        host="127.0.0.1",
        port=port,
        security="none",
        sender="mm@example.org",
        recipients=["desk@example.org", "night@example.org"],
        **fields,
    )


async def test_mail_reaches_every_recipient_and_says_who_what_and_which_halt() -> None:
    async with smtp_server() as (mailbox, port):
        await SmtpSender(config(), mail_channel(port), None).send(alert())
    (envelope,) = mailbox.envelopes
    assert envelope.mail_from == "mm@example.org"
    assert envelope.rcpt_tos == ["desk@example.org", "night@example.org"]
    text = envelope.content.decode()
    assert "Subject: [critical] desk/eth: Halt DailyLossLimit" in text
    assert "loss is 20" in text
    assert "halt: risk-dailylosslimit-1" in text
    assert "2023-11-14T22:13:20.000Z" in text


async def test_a_mail_server_that_refuses_or_is_not_there_is_a_failure_that_is_said() -> None:
    async with smtp_server() as (mailbox, port):
        mailbox.refuses = True
        with pytest.raises(SendError, match="SMTPDataError 451"):
            await SmtpSender(config(), mail_channel(port), None).send(alert())
    with pytest.raises(OSError):
        await SmtpSender(config(), mail_channel(port), None).send(alert())


async def test_a_recipient_that_alone_is_refused_is_said_and_the_others_get_the_mail_once() -> None:
    class Picky(Mailbox):
        async def handle_RCPT(
            self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            if address.startswith("night"):
                return "550 no such user"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    async with smtp_server(mailbox=Picky()) as (mailbox, port):
        with capture_logs() as lines:
            await SmtpSender(config(), mail_channel(port), None).send(alert())
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["desk@example.org"]]
    (said,) = [line for line in lines if line["event"] == "alert_recipients_refused"]
    assert said["refused"] == {"night@example.org": 550}


async def test_a_mail_server_that_is_slow_is_given_up_whole_and_holds_no_thread_of_others() -> None:
    asked = asyncio.Event()

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        with contextlib.suppress(OSError):
            while True:  # a greeting that never ends: no single wait is long
                writer.write(b"220-still thinking\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)

    server = await asyncio.start_server(dribble, "127.0.0.1", 0)
    sender = SmtpSender(config(), mail_channel(server.sockets[0].getsockname()[1]), None)
    sending = asyncio.create_task(sender.send(alert()))
    await asked.wait()
    with pytest.raises(SendError, match="not done with the mail before"):
        await sender.send(alert())
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    server.close()
    await until(lambda: not sender.busy)


async def test_a_name_with_a_line_break_spoils_no_header() -> None:
    async with smtp_server() as (mailbox, port):
        await SmtpSender(config(), mail_channel(port), None).send(alert(reason="Two\nLines"))
    assert b"Subject: [critical] desk/eth: Halt Two Lines" in mailbox.envelopes[0].content


async def test_a_mail_server_that_wants_a_login_gets_it() -> None:
    asked: list[Any] = []

    def check(server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        asked.append(data)
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"mm", b"secret")
        return AuthResult(success=good, handled=False)

    async with smtp_server(authenticator=check, auth_required=True, auth_require_tls=False) as (
        mailbox,
        port,
    ):
        open_channel = mail_channel(port)
        signed = open_channel.model_copy(update={"username": "mm"})
        with pytest.raises(SendError):
            await SmtpSender(config(), open_channel, None).send(alert())
        with pytest.raises(SendError, match="SMTPAuthenticationError"):
            await SmtpSender(config(), signed, "wrong").send(alert())
        await SmtpSender(config(), signed, "secret").send(alert())
    assert len(mailbox.envelopes) == 1
    assert all(isinstance(data, LoginPassword) for data in asked)


class HttpEar:
    """A real HTTP server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str | None, Any]] = []
        self.status = 200
        self.headers: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.Response:
        self.posts.append((request.path, request.headers.get("Authorization"), await request.json()))
        return web.Response(status=self.status, headers=self.headers)

    async def follow(self, request: web.Request) -> web.Response:
        """What a redirect is asked with, if it is followed."""
        return web.Response()


@asynccontextmanager
async def http_server() -> AsyncIterator[tuple[HttpEar, str]]:
    ear = HttpEar()
    app = web.Application()
    app.router.add_post("/{path:.*}", ear.handle)
    app.router.add_get("/{path:.*}", ear.follow)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield ear, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_webhook_gets_the_record_and_who_says_it_with_its_token() -> None:
    async with http_server() as (ear, url):
        sender = WebhookSender(config(), HttpSender(f"{url}/hook", "token123"))
        await sender.send(alert())
        ear.status = 503
        with pytest.raises(SendError, match="status 503"):
            await sender.send(alert())
        await sender.close()
    path, authorization, content = ear.posts[0]
    assert (path, authorization) == ("/hook", "Bearer token123")
    assert content["trader"]["name"] == "eth"
    assert content["alert"]["haltId"] == "risk-dailylosslimit-1"
    assert content["alert"]["reason"] == "DailyLossLimit"


async def test_a_redirect_is_no_delivery() -> None:
    """A client that follows one asks with GET, and without the alert."""
    async with http_server() as (ear, url):
        ear.status, ear.headers = 302, {"Location": f"{url}/elsewhere"}
        sender = WebhookSender(config(), HttpSender(f"{url}/hook", "token123"))
        with pytest.raises(SendError, match="status 302"):
            await sender.send(alert())
        await sender.close()
    assert [path for path, _, _ in ear.posts] == ["/hook"]


async def test_a_halt_that_stood_before_the_process_did_is_said_again_too() -> None:
    stands = [alert()]
    async with http_server() as (ear, url):
        sender = AlertmanagerSender(config(), HttpSender(url, None), lambda: AT_MS, lambda: stands)
        await sender.repeat()
        await sender.send(alert(kind="HaltLifted", severity="warning"))
        stands.clear()
        await sender.repeat()
        await sender.close()
    first, lifted = (content[0] for _, _, content in ear.posts)
    assert first["labels"]["halt_id"] == "risk-dailylosslimit-1"
    assert first["endsAt"] > lifted["endsAt"]


async def test_a_channel_whose_rule_keeps_the_lifting_from_it_resolves_the_halt_all_the_same() -> None:
    stands = [alert()]
    async with http_server() as (ear, url):
        sender = AlertmanagerSender(config(), HttpSender(url, None), lambda: AT_MS + 5000, lambda: stands)
        await sender.send(alert())
        stands.clear()
        await sender.repeat()
        await sender.repeat()
        await sender.close()
    _, over = (content[0] for _, _, content in ear.posts)
    assert over["endsAt"] == "2023-11-14T22:13:25.000Z"


async def test_alertmanager_hears_a_halt_again_while_it_stands_and_that_it_was_lifted() -> None:
    now, stands = [AT_MS], [alert()]
    async with http_server() as (ear, url):
        http = HttpSender(f"{url}/api/v2/alerts", None)
        sender = AlertmanagerSender(config(), http, lambda: now[0], lambda: stands)
        await sender.send(alert())
        await sender.repeat()
        now[0] += 1000
        await sender.repeat()
        now[0] += 60_000
        await sender.repeat()
        now[0] += 1000
        stands.clear()
        await sender.send(alert(kind="HaltLifted", severity="warning"))
        await sender.repeat()
        await sender.close()
    assert {path for path, _, _ in ear.posts} == {"/api/v2/alerts"}
    bodies = [content[0] for _, _, content in ear.posts]
    assert len(bodies) == 4
    assert bodies[0]["labels"] == {
        "alertname": "MarketMakerHalt",
        "severity": "critical",
        "reason": "DailyLossLimit",
        "market_maker": "eth",
        "namespace": "desk",
        "identity": "sim.acc1",
        "halt_id": "risk-dailylosslimit-1",
    }
    assert all(body["labels"] == bodies[0]["labels"] for body in bodies)
    assert bodies[0]["startsAt"] == "2023-11-14T22:13:20.000Z"
    assert bodies[-1]["endsAt"] == "2023-11-14T22:14:22.000Z"
    assert all(body["endsAt"] > body["startsAt"] for body in bodies)


async def test_other_alerts_end_by_themselves_at_alertmanager() -> None:
    async with http_server() as (ear, url):
        sender = AlertmanagerSender(config(), HttpSender(url, None), lambda: AT_MS, lambda: ())
        await sender.send(alert(kind="Warning", severity="warning", halt_id=None))
        await sender.repeat()
        await sender.close()
    ((_, _, (body,)),) = ear.posts
    assert body["endsAt"] == "2023-11-14T22:18:20.000Z"
    assert "halt_id" not in body["labels"]


async def test_the_console_gets_one_line() -> None:
    stream = io.StringIO()
    await ConsoleSender(config(), stream).send(alert())
    assert stream.getvalue() == (
        "2023-11-14T22:13:20.000Z [critical] desk/eth: Halt DailyLossLimit: loss is 20 (halt risk-dailylosslimit-1)\n"
    )


async def test_channels_of_a_config_deliver_until_the_last_alert_of_a_stop(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token123\n")
    async with http_server() as (ear, url):
        hook = {"name": "hook", "type": "Webhook", "url": url, "secretFile": str(tmp_path / "token")}
        pager = {"name": "pager", "type": "Alertmanager", "url": url, "minSeverity": "critical"}
        outlets = build_outlets(config(hook, pager), ManualClock(), lambda: ())
        ended: list[str] = []
        part = AlertsPart(outlets, Tasks(lambda error, name: ended.append(name)))
        alerts = Alerts(outlets)
        alerts.send(alert())
        await part.start()
        await until(lambda: sum(outlet.delivered for outlet in outlets) == 2)
        alerts.send(alert(kind="Stopped", severity="warning", reason="Terminated", halt_id=None))
        await part.stop()
        assert part.health().healthy
    assert ended == []
    assert [json.dumps(content)[:2] for _, _, content in ear.posts].count('{"') == 2
    assert all(token == "Bearer token123" for path, token, _ in ear.posts if path == "/")

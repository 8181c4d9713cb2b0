"""A real headless Chromium for tests, driven by its DevTools protocol: open a page, ask it things, take a picture.

Nothing here waits by sleeping: the browser itself answers once what is asked for has become true.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

START_S = 90
ANSWER_S = 40
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-extensions",
    "--metrics-recording-only",
    "--remote-debugging-port=0",
    "--window-size=1440,1200",
)


class Tab:
    """One page. `said` collects what it wrote on its console and what it threw."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.said: list[str] = []

    async def call(self, method: str, **params: Any) -> Any:
        """One DevTools command's result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        async with asyncio.timeout(ANSWER_S):
            while True:
                message = json.loads((await self._socket.receive()).data)
                if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                    self.said.append(json.dumps(message["params"]))
                if message.get("id") == self._number:
                    assert "error" not in message, message
                    return message["result"]

    async def js(self, expression: str) -> Any:
        """The value of an expression (a promise is waited for)."""
        result = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> Any:
        """The first truthy value of an expression, looked at on every frame."""
        return await self.js(
            "new Promise(done => { const look = () => { let v; try { v = ("
            + expression
            + "); } catch { v = null; }"
            " v ? done(v) : requestAnimationFrame(look); }; look(); })"
        )

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    async def dark(self, on: bool) -> None:
        value = "dark" if on else "light"
        await self.call(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}]
        )

    async def picture(self, path: Path) -> None:
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


async def _debug_port(profile: Path, process: asyncio.subprocess.Process) -> int:
    """The port that Chromium says it listens on, from what it prints when it is ready."""
    assert process.stderr is not None
    async with asyncio.timeout(START_S):
        while line := await process.stderr.readline():
            if b"DevTools listening on ws://" in line:
                return int(line.split(b"ws://", 1)[1].split(b"/", 1)[0].rsplit(b":", 1)[1])
    raise AssertionError(f"chromium ended with {await process.wait()} before it listened ({profile})")


@asynccontextmanager
async def chromium() -> AsyncIterator[Tab]:
    """A fresh browser with an empty profile, ended afterwards with everything it started."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    assert program is not None, f"none of {', '.join(PROGRAMS)} is installed: tests/cluster/chromium-here"
    with tempfile.TemporaryDirectory(prefix="mm-chromium-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            f"--user-data-dir={folder}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            port = await _debug_port(Path(folder), process)
            assert process.stderr is not None
            drain = asyncio.create_task(process.stderr.read())
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                    pages = [t for t in await reply.json(content_type=None) if t["type"] == "page"]
                async with session.ws_connect(
                    pages[0]["webSocketDebuggerUrl"], max_msg_size=0, origin=None
                ) as socket:
                    tab = Tab(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await tab.call(f"{domain}.enable")
                    yield tab
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(10):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
            drain.cancel()

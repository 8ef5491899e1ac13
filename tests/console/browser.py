"""A real browser, driven over a pipe: Chromium without a window, and what its pages do."""

import asyncio
import base64
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
WAIT_SECONDS_MAX = 30.0


@dataclass
class Page:
    """One open page; complaints has what its console and its policies said, requests every URL."""

    send: Callable[..., Any]
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def open(self, url: str) -> None:
        await self.send("Page.navigate", url=url)
        await self.until(
            f"document.readyState === 'complete' && location.href === {json.dumps(url)}"
        )

    async def evaluate(self, script: str) -> Any:
        """Run a script on the page and return its value."""
        answer = await self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until a condition holds on the page, within a bound."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                try:
                    if await self.evaluate(f"Boolean({condition})"):
                        return
                except AssertionError:
                    pass  # The page is on its way to another.
                await asyncio.sleep(0.05)

    async def screen(self, *, width: int, height: int, dark: bool = False) -> None:
        """Take the size of another screen, and its light."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        await self.send("Emulation.setScrollbarsHidden", hidden=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, *, whole: bool = False) -> bytes:
        """Return what is on the screen, or the whole page, as PNG."""
        answer = await self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def note(self, method: str, said: dict[str, Any]) -> None:
        """Keep what an event tells of the page."""
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Log.entryAdded" if said["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(said["args"]))


class _Pipe:
    """Chromium's protocol: JSON messages that end in a zero byte, over two pipes."""

    def __init__(self, reader: asyncio.StreamReader, to_browser: int) -> None:
        self._reader = reader
        self._to_browser = to_browser
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.pages: dict[str, Page] = {}

    async def send(self, method: str, *, session: str | None = None, **params: Any) -> Any:
        number = len(self._answers) + 1
        message = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._answers[number] = asyncio.get_running_loop().create_future()
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            answer = await self._answers[number]
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    async def listen(self) -> None:
        while True:
            try:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                return
            if "id" in message:
                self._answers[message["id"]].set_result(message)
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].note(message["method"], message["params"])

    async def page(self) -> Page:
        target = await self.send("Target.createTarget", url="about:blank")
        attached = await self.send(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        session = attached["sessionId"]

        async def send(method: str, **params: Any) -> Any:
            return await self.send(method, session=session, **params)

        self.pages[session] = Page(send)
        for domain in ("Page", "Runtime", "Network", "Log"):
            await send(f"{domain}.enable")
        return self.pages[session]


@asynccontextmanager
async def a_page() -> AsyncIterator[Page]:
    """Start a browser in a new, empty profile, and end it with everything that it wrote."""
    assert CHROMIUM is not None
    profile = tempfile.mkdtemp(prefix="mains-browser-", dir="/tmp")
    to_browser_read, to_browser = os.pipe()
    from_browser, from_browser_write = os.pipe()
    # Chromium reads its third descriptor and writes its fourth.
    command = f'exec "$0" "$@" 3<&{to_browser_read} 4>&{from_browser_write}'
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command, CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
        pass_fds=(to_browser_read, from_browser_write),
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    os.close(to_browser_read)
    os.close(from_browser_write)
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_browser, "rb", 0)
    )
    pipe = _Pipe(reader, to_browser)
    listening = asyncio.create_task(pipe.listen())
    try:
        yield await pipe.page()
    finally:
        listening.cancel()
        process.terminate()
        await process.wait()
        transport.close()
        os.close(to_browser)
        shutil.rmtree(profile, ignore_errors=True)

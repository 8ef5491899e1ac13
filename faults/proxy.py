"""A proxy before Postgres that cuts connections while they commit."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

COMMIT: Final = b"COMMIT\x00"
READ_BYTES: Final = 65_536
CUTS: Final = ("before it was sent", "after it was sent", "before its answer", "in its answer")


@dataclass(slots=True)
class Proxy:
    """Passes everything on, but for some COMMITs; `cuts` counts them by what was cut."""

    socket: Path
    dice: random.Random
    percent: int
    cuts: Counter[str] = field(default_factory=Counter)
    _links: set[asyncio.Task[None]] = field(default_factory=set)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until it ends or is cut."""
        link = asyncio.create_task(self._pass(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def close(self) -> None:
        """End all connections."""
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, theirs = await asyncio.open_unix_connection(str(self.socket))
        limit = _Limit()
        pumps = [
            asyncio.create_task(self._ask(reader, theirs, limit)),
            asyncio.create_task(self._answer(ours, writer, limit)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for each in (writer, theirs):
                each.transport.abort()

    async def _ask(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, limit: "_Limit"
    ) -> None:
        while data := await reader.read(READ_BYTES):
            if COMMIT in data and self.dice.randrange(100) < self.percent:
                cut = self.dice.choice(CUTS)
                self.cuts[cut] += 1
                if cut == CUTS[0]:
                    return
                limit.bytes_left = self.dice.randint(1, 6) if cut == CUTS[3] else 0
                server.write(data)
                await server.drain()
                if cut == CUTS[1]:
                    return
                continue
            server.write(data)
            await server.drain()

    async def _answer(
        self, server: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: "_Limit"
    ) -> None:
        while data := await server.read(READ_BYTES):
            if limit.bytes_left is not None:
                writer.write(data[: limit.bytes_left])
                with suppress(ConnectionError):
                    await writer.drain()
                return
            writer.write(data)
            await writer.drain()


@dataclass(slots=True)
class _Limit:
    """How many more bytes of answers the client gets; None where nothing is cut."""

    bytes_left: int | None = None


@asynccontextmanager
async def proxied(
    url: str, *, dice: random.Random, percent: int
) -> AsyncIterator[tuple[str, Proxy]]:
    """Give an address that leads to the same database by a proxy, and the proxy."""
    [host] = parse_qs(urlsplit(url).query)["host"]
    [port] = parse_qs(urlsplit(url).query)["port"]
    name = f".s.PGSQL.{port}"
    with tempfile.TemporaryDirectory(prefix="mains-proxy-", dir="/tmp") as folder:
        proxy = Proxy(Path(host) / name, dice, percent)
        server = await asyncio.start_unix_server(proxy.serve, Path(folder) / name)
        async with server:
            yield url.replace(quote(host, safe=""), quote(folder, safe="")), proxy
            await proxy.close()

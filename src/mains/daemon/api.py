"""The API's process: `python -m mains.daemon.api`, given its listening socket by `up`."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
import structlog
import uvicorn
from fastapi import FastAPI

from mains.api.app import Lifespan, application
from mains.clock import SystemClock
from mains.daemon import certificates, logs
from mains.daemon.announcing import announce, hear
from mains.daemon.certificates import Certificate
from mains.daemon.children import SOCKET_VARIABLE
from mains.daemon.guarding import guarded
from mains.daemon.lifeline import while_parent_lives
from mains.daemon.opening import opened
from mains.daemon.wiring import wire
from mains.errors import MainsError, Unavailable
from mains.jobs import views
from mains.reports.door import ReportsWired
from mains.settings import Settings

LOADS_SECONDS: Final = 1.0
CERTIFICATE_SECONDS: Final = 1.0
KEEP_ALIVE_SECONDS: Final = 75
DATABASE_CONNECTIONS_MAX: Final = 12

log = structlog.get_logger()


async def serve(settings: Settings) -> None:
    """Serve until told to end."""
    assert settings.database_url is not None, "`up` names the database"
    database = await opened(settings.database_url, size_max=DATABASE_CONNECTIONS_MAX)
    wired = wire(database=database, settings=settings, clock=SystemClock())
    certificate = certificates.serving(settings)
    config = uvicorn.Config(
        application(wired, background=background(wired)),
        ssl_certfile=None if certificate is None else certificate.chain,
        ssl_keyfile=None if certificate is None else str(certificate.key),
        http=guarded(settings.connections_max),
        loop="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    watching = asyncio.create_task(_watch_certificate(certificate, wired, config))
    await server.serve(sockets=[_socket(settings)])
    watching.cancel()
    await database.close()


def background(wired: ReportsWired) -> Lifespan:
    """Return the tasks that run beside the routes: intake, loads, news."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(wired.intake.run()),
            asyncio.create_task(_refresh_loads(wired)),
            asyncio.create_task(hear(wired.database, "mains_orders", wired.news.tell)),
            asyncio.create_task(announce(wired.database, "mains_queue", wired.queue_news)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await wired.shelf.reading.close()

    return running


async def _refresh_loads(wired: ReportsWired) -> None:
    """Keep what quotes say of start times about a second old, off everybody's path."""
    while True:
        try:
            async with wired.database.transaction() as tx:
                fresh = await views.loads(tx, now=wired.clock.now())
        except (Unavailable, psycopg.Error):
            log.warning("loads were not refreshed", exc_info=True)
        else:
            wired.loads.clear()
            wired.loads.update(fresh)
        await asyncio.sleep(LOADS_SECONDS)


async def _watch_certificate(
    certificate: Certificate | None, wired: ReportsWired, config: uvicorn.Config
) -> None:
    """Show a certificate that was put in the old one's place to whoever connects from then on."""
    shown = None if certificate is None else certificate.stamp
    while certificate is not None:
        try:
            wired.certificates = certificates.announced(wired.settings)
            if certificate.stamp != shown and config.ssl is not None:
                now = certificate.stamp
                # Tried apart: half of a pair would take the present key out of service.
                certificates.check(certificate)
                config.ssl.load_cert_chain(certificate.chain, certificate.key)
                shown = now
                log.info("another certificate is shown", fingerprint=certificate.fingerprint)
        except (MainsError, OSError, ValueError) as error:
            # Half of an operator's pair may be there already; the other half follows.
            log.warning("the certificate is not readable", reason=str(error))
        await asyncio.sleep(CERTIFICATE_SECONDS)


def _socket(settings: Settings) -> socket.socket:
    """Take over the socket that `up` opened, so that the port outlives this process."""
    inherited = os.environ.get(SOCKET_VARIABLE)
    if inherited is not None:
        return socket.socket(fileno=int(inherited))
    return socket.create_server((settings.listen_host, settings.listen_port))


def main() -> None:
    settings = Settings.from_environment()
    logs.configure(settings.logs, "api")
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(while_parent_lives(serve(settings)))


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    main()

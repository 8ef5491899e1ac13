"""The application's door to Postgres: one pool, short transactions, translated faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from mains.errors import DatabaseUnavailable, RequestInvalid

Transaction = psycopg.AsyncConnection[DictRow]
"""A connection inside a transaction; whoever was given one neither commits nor rolls back."""

SIZE_MAX: Final = 10
WAIT_SECONDS_MAX: Final = 10.0
CONNECT_SECONDS_MAX: Final = 10
STATEMENT_MILLISECONDS_MAX: Final = 30_000
LOCK_MILLISECONDS_MAX: Final = 10_000
IDLE_IN_TRANSACTION_MILLISECONDS_MAX: Final = 60_000
WAITING_MAX: Final = 4_096
NOTICES_MAX: Final = 256
RECONNECT_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Notice:
    """One NOTIFY: a hint that there is something to look at; polling is the truth."""

    channel: str
    payload: str


class Database:
    """A pool of connections as the application role."""

    def __init__(self, pool: AsyncConnectionPool[Transaction], *, url: str) -> None:
        self._pool = pool
        self._url = url
        self._suspect = False

    @classmethod
    async def open(cls, url: str, *, size_max: int = SIZE_MAX) -> Self:
        """Return a database that has answered once; raises DatabaseUnavailable."""
        pool = AsyncConnectionPool(
            url,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row, "connect_timeout": CONNECT_SECONDS_MAX},
            min_size=1,
            max_size=size_max,
            max_waiting=WAITING_MAX,
            timeout=WAIT_SECONDS_MAX,
            configure=_configure,
            name="mains",
            open=False,
        )
        try:
            # Asked first without the pool, which would try again and again and lose the reason.
            await (await _connect(url)).close()
            await pool.open(wait=True, timeout=WAIT_SECONDS_MAX)
        except psycopg.OperationalError as error:
            await pool.close()
            raise _unavailable(error, outcome="nothing_done") from error
        return cls(pool, url=url)

    async def close(self) -> None:
        """End all connections; transactions that still run are rolled back by the server."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Give a connection inside a READ COMMITTED transaction, committed at the end.

        Any exception rolls back. Faults of the connection or the server, timeouts and deadlocks
        are raised as DatabaseUnavailable; its fact `outcome` is "unknown" if and only if the
        answer to COMMIT was lost, otherwise "nothing_done". Retries are the caller's.
        """
        connection = await self._borrow()
        try:
            yield connection
        except BaseException as error:
            outage = _is_outage(error, connection)
            await self._abandon(connection)
            if outage:
                raise _unavailable(error, outcome="nothing_done") from error
            raise
        await self._finish(connection)

    async def _borrow(self) -> Transaction:
        try:
            if self._suspect:
                self._suspect = False
                await self._pool.check()
            return await self._pool.getconn()
        except psycopg.OperationalError as error:
            raise _unavailable(error, outcome="nothing_done") from error

    async def _finish(self, connection: Transaction) -> None:
        """Commit and return the connection; an answer that was lost leaves the outcome unknown."""
        lost_before = connection.closed
        try:
            await connection.commit()
        except BaseException as error:
            lost = connection.closed and not lost_before
            await self._abandon(connection)
            if isinstance(error, psycopg.OperationalError):
                outcome = "unknown" if lost else "nothing_done"
                raise _unavailable(error, outcome=outcome) from error
            raise
        await self._pool.putconn(connection)

    async def _abandon(self, connection: Transaction) -> None:
        """Roll back and return the connection, even while the caller is being cancelled."""
        # The server went away: then the pool's other connections are dead too.
        self._suspect = self._suspect or connection.closed
        await asyncio.shield(asyncio.ensure_future(self._roll_back(connection)))

    async def _roll_back(self, connection: Transaction) -> None:
        try:
            with suppress(psycopg.Error):
                await connection.rollback()
        finally:
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def listen(self, *channels: str) -> AsyncIterator["Listener"]:
        """Give a listener on its own connection; it outlives restarts of the server."""
        listener = Listener(self._url, channels)
        try:
            yield listener
        finally:
            await listener.close()


class Listener:
    """Waits for NOTIFY on some channels, so that a poller may sleep longer between looks."""

    def __init__(self, url: str, channels: tuple[str, ...]) -> None:
        if not channels:
            raise RequestInvalid("A listener needs a channel to listen on.")
        self._url = url
        self._channels = channels
        self._connection: Transaction | None = None

    async def wait(self, *, seconds_max: float) -> list[Notice]:
        """Return what arrived, at most NOTICES_MAX, as soon as anything did; else nothing.

        After a (re)connection it returns at once, since what was sent before is unknown. While
        the server is away it returns nothing when the time is over: the poller looks anyway.
        """
        try:
            if self._connection is None:
                async with asyncio.timeout(max(seconds_max, RECONNECT_SECONDS)):
                    self._connection = await self._connect()
                return []
            return await self._receive(self._connection, seconds_max=seconds_max)
        except (psycopg.OperationalError, TimeoutError):
            await self.close()
            await asyncio.sleep(min(seconds_max, RECONNECT_SECONDS))
            return []

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self) -> Transaction:
        connection = await _connect(self._url)
        for channel in self._channels:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        return connection

    @staticmethod
    async def _receive(connection: Transaction, *, seconds_max: float) -> list[Notice]:
        """`stop_after` ends the wait at the first batch; one batch is bounded by NOTICES_MAX."""
        notices = [
            Notice(arrived.channel, arrived.payload)
            async for arrived in connection.notifies(timeout=seconds_max, stop_after=1)
        ]
        return notices[:NOTICES_MAX]


async def _connect(url: str) -> Transaction:
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_SECONDS_MAX
    )


async def _configure(connection: Transaction) -> None:
    """Bound every statement and every wait for a lock of this session."""
    await connection.execute(
        """SELECT set_config('statement_timeout', %(statement)s, false),
                  set_config('lock_timeout', %(lock)s, false),
                  set_config('idle_in_transaction_session_timeout', %(idle)s, false),
                  set_config('default_transaction_isolation', 'read committed', false),
                  set_config('timezone', 'UTC', false)""",
        {
            "statement": str(STATEMENT_MILLISECONDS_MAX),
            "lock": str(LOCK_MILLISECONDS_MAX),
            "idle": str(IDLE_IN_TRANSACTION_MILLISECONDS_MAX),
        },
    )
    await connection.commit()


def _is_outage(error: BaseException, connection: Transaction) -> bool:
    """Tell faults of server and connection from mistakes in a statement."""
    lost = isinstance(error, psycopg.Error) and connection.closed
    return lost or isinstance(error, psycopg.OperationalError)


def _unavailable(error: BaseException, *, outcome: str) -> DatabaseUnavailable:
    """Translate a fault, saying whether its effect may have happened: unknown is not no."""
    reason = str(error).strip() or type(error).__name__
    ending = (
        "Whether the change was made is unknown." if outcome == "unknown" else "Nothing was done."
    )
    return DatabaseUnavailable(
        f"The database did not answer as it should: {reason}. {ending}",
        outcome=outcome,
        sqlstate=error.sqlstate if isinstance(error, psycopg.Error) else None,
    )

"""Processes that `up` keeps running: started again when they end, gone when `up` is gone."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from mains.daemon import lifeline

RESTART_SECONDS_MIN: Final = 0.2
RESTART_SECONDS_MAX: Final = 5.0
STEADY_SECONDS: Final = 30.0
END_SECONDS_MAX: Final = 10.0

log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """One module of mains in a process of its own."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: Sequence[int] = ()
    process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Run it again and again until cancelled; the pause grows while it ends early."""
        pause = RESTART_SECONDS_MIN
        while True:
            started = asyncio.get_running_loop().time()
            code = await self._once()
            lasted = asyncio.get_running_loop().time() - started
            pause = RESTART_SECONDS_MIN if lasted > STEADY_SECONDS else pause
            log.warning("a process has ended", child=self.name, code=code, lasted=round(lasted, 1))
            await asyncio.sleep(pause)
            pause = min(pause * 2, RESTART_SECONDS_MAX)

    async def _once(self) -> int:
        reading, writing = lifeline.open_lifeline()
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                *self.arguments,
                env={**os.environ, **self.environment, lifeline.VARIABLE: str(reading)},
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(reading, *self.inherited),
                start_new_session=True,
            )
            os.close(reading)
            reading = -1
            return await self.process.wait()
        finally:
            os.close(writing)
            if reading >= 0:
                os.close(reading)

    async def end(self) -> None:
        """Ask for the end, and insist after a while."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

"""Outputs of ended runs become artefacts: hashed, uploaded, then reported."""

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from mains.agent.client import Server
from mains.agent.patience import Patience
from mains.agent.runs import Run
from mains.engines.base import Engine, OutputFile
from mains.errors import MainsError, Unavailable
from mains.wire.agent import ArtefactReport

TRIES_MAX: Final = 2


async def upload_all(
    engine: Engine, server: Server, run: Run, *, patience: Callable[[], Patience]
) -> tuple[list[ArtefactReport], list[str]]:
    """Return the artefacts that arrived, and for each that could not a sentence why.

    While the server or the engine is away it waits; it gives up on a file that is refused.
    """
    try:
        outputs = await _outputs(engine, run, patience())
    except MainsError as error:
        return [], [f"outputs could not be read: {error.detail}"]
    artefacts: list[ArtefactReport] = []
    troubles: list[str] = []
    for output in outputs:
        try:
            artefacts.append(await _upload(engine, server, run, output, patience()))
        except MainsError as error:
            troubles.append(f"output {output.path} was not accepted: {error.detail}")
    return artefacts, troubles


async def _outputs(engine: Engine, run: Run, patience: Patience) -> list[OutputFile]:
    while True:
        try:
            return list(await engine.outputs(run.attempt_id))
        except Unavailable:
            await patience.wait()


async def _upload(
    engine: Engine, server: Server, run: Run, output: OutputFile, patience: Patience
) -> ArtefactReport:
    """Hash and upload one file; raises the server's refusal after some tries."""
    tries = 0
    while True:
        try:
            digest, size_bytes = await _hash(engine.open_output(run.attempt_id, output))
            await server.upload(
                digest,
                lambda: engine.open_output(run.attempt_id, output),
                size_bytes=size_bytes,
            )
        except Unavailable:
            await patience.wait()
        except MainsError:
            tries += 1
            if tries == TRIES_MAX:
                raise
            await patience.wait()
        else:
            return ArtefactReport(
                task=output.task, path=output.path, sha256=digest, size_bytes=size_bytes
            )


async def _hash(content: AsyncIterator[bytes]) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    async for part in content:
        digest.update(part)
        size_bytes += len(part)
    return f"sha256:{digest.hexdigest()}", size_bytes

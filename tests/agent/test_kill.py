"""Agents over real sockets: killed without warning, and dialling a server they must recognise."""

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from mains.agent import service
from mains.agent.client import Server, trust
from mains.agent.config import AgentConfig
from mains.agent.host import HostRegistry
from mains.errors import ServerUnreachable, SignatureInvalid
from mains.sites import service as sites
from mains.wire import dsse
from mains.wire.agent import PROTOCOL, JoinRequest
from tests.agent.builders import CLOCK, Office, a_token
from tests.sites.builders import a_pool

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
SCRIPT = """
echo begun >> "$MARKER"
for number in 1 2 3 4 5 6 7 8; do echo "line $number"; sleep 0.2; done
echo weights > "$MAINS_OUTPUT/model.txt"
"""


@asynccontextmanager
async def listening(app: FastAPI, **options: Any) -> AsyncIterator[str]:
    """Serve an app on a free port of the loopback; yields host and port."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=1,
            **options,
        )
    )
    serving = asyncio.ensure_future(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def an_agent_process(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with (folder.parent / "agent.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.agent.killable", str(folder), cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def test_a_run_survives_its_killed_agent_and_the_next_one_goes_on(
    office: Office, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    async with listening(office.app) as address:
        config = await service.join(
            await a_token(office, url=f"http://{address}", pools=[a_pool(trusted=True)]),
            folder=tmp_path / "site",
            clock=CLOCK,
            registry=HostRegistry(tmp_path / "host"),
        )
        async with office.database.transaction() as tx:
            owner = (await sites.site(tx, config.site)).organisation_id
        async with an_agent_process(config.folder) as first:
            await office.until(lambda: bool(office.requests and office.requests[0].pools))
            pool_id = office.requests[0].pools[0].pool_id
            attempt = office.order(
                pool_id=pool_id,
                organisation_id=owner,
                run=SCRIPT,
                envs={"MARKER": str(marker)},
            )
            await office.until(lambda: b"line 2" in office.logs.get((attempt, 0), b""))
            os.kill(first.pid, signal.SIGKILL)
        async with an_agent_process(config.folder):
            [report] = await office.ended(attempt, seconds_max=30)

    assert report.state == "succeeded", report
    assert marker.read_text() == "begun\n"
    lines = bytes(office.logs[attempt, 0]).decode().split("\n")
    assert [line for line in lines if line.startswith("line")] == [
        f"line {number}" for number in range(1, 9)
    ]
    assert [artefact.path for artefact in report.artefacts] == ["model.txt"]
    assert office.blobs[report.artefacts[0].sha256] == b"weights\n"
    assert office.usage[attempt][-1].final
    assert {each.epoch for each in office.requests} == {1, 2}


async def test_an_agent_waits_for_a_server_that_is_not_there_yet(
    office: Office, tmp_path: Path
) -> None:
    async with listening(office.app) as address:
        config = await service.join(
            await a_token(office, url=f"http://{address}"),
            folder=tmp_path / "site",
            clock=CLOCK,
            engine="fake",
            registry=HostRegistry(tmp_path / "host"),
        )
    with pytest.raises(ServerUnreachable) as refused:
        await service.join(
            await a_token(office, url=f"http://{address}"),
            folder=tmp_path / "south",
            clock=CLOCK,
            registry=HostRegistry(tmp_path / "host"),
        )

    assert refused.value.facts["effect"] == "none"
    assert AgentConfig.load(config.folder).url == f"http://{address}"


async def test_an_agent_trusts_the_certificate_of_its_token_and_no_other(
    office: Office, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    fingerprint = write_certificate(certificate, key)
    async with listening(
        office.app, ssl_certfile=str(certificate), ssl_keyfile=str(key)
    ) as address:
        url = f"https://{address}"
        verify = await trust(url, tls_sha256=fingerprint)
        assert isinstance(verify, ssl.SSLContext)
        request = JoinRequest(
            protocol=PROTOCOL,
            token=await a_token(office, url=url),
            public_key=dsse.generate().public_key_hex,
            host="node-1",
        )
        async with Server(url, key=dsse.generate(), clock=CLOCK, verify=verify) as server:
            joined = await server.join(request)
        async with Server(url, key=dsse.generate(), clock=CLOCK) as stranger:
            with pytest.raises(ServerUnreachable):
                await stranger.join(request)
        with pytest.raises(SignatureInvalid):
            await trust(url, tls_sha256="0" * 64)
    with pytest.raises(ServerUnreachable):
        await trust(url, tls_sha256=fingerprint)

    assert joined.site.startswith("site-")
    assert await trust("http://127.0.0.1", tls_sha256=fingerprint) is True


def write_certificate(certificate: Path, key: Path) -> str:
    """Write a self-signed certificate for the loopback; return its SHA-256."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mains")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(private, SHA256())
    )
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return sha256(signed.public_bytes(Encoding.DER)).hexdigest()

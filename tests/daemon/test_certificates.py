"""`mains up` beyond loopback: encrypted, trusted by its fingerprint, replaced while agents work."""

import json
import ssl
from pathlib import Path

import httpx
import pytest

from mains.agent.trusted import TRUSTED_FILE
from mains.errors import CertificateUnknown
from mains.ids import new_id
from mains.wire.connection import Connection
from mains.wire.jobs import SubmitRequest
from mains.wire.sites import JoinToken
from mains.wire.trust import fingerprint_of, fingerprints_of
from tests.daemon.running import Mains, a_mains, eventually
from tests.daemon.town import Town, build
from tests.daemon.traffic import marked, settled
from tests.wire.authority import Authority

EVERYWHERE = {"MAINS_LISTEN_HOST": "0.0.0.0"}  # noqa: S104


def test_beyond_loopback_agents_and_people_trust_the_fingerprint() -> None:
    with a_mains(**EVERYWHERE) as mains:
        state = mains.up()
        assert state.certificate is not None
        assert state.url.startswith("https://")
        plain = state.url.replace("https:", "http:")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{plain}/health", trust_env=False)
        with (
            pytest.raises(CertificateUnknown),
            Connection(state.url, key=mains.key()) as stranger,
        ):
            stranger.call("GET", "/whoami", repeat=False)

        town = build(mains)
        with mains.client() as client:
            token = JoinToken.decode(client.join_token(client.sites()[0].name).token)
        assert token.tls_sha256 == fingerprint_of(state.certificate)
        a_job_runs(town)

        [folder] = mains.settings.sites.iterdir()
        done = mains.command("daemon.admin", "next-certificate", "--json")
        following = json.loads(done.stdout)["next"]
        eventually(lambda: (folder / TRUSTED_FILE).read_text().count("BEGIN CERTIFICATE") == 2)
        assert mains.command("daemon.admin", "switch-certificate").returncode == 0
        eventually(lambda: shown(state.url) == following)
        a_job_runs(town)
        eventually(lambda: fingerprints_of((folder / TRUSTED_FILE).read_text()) == {following})
        again = mains.command("daemon.admin", "switch-certificate")
        assert again.returncode != 0
        assert "next-certificate" in again.stderr


def test_an_operators_certificate_is_renewed_file_by_file_while_agents_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority vouches for its name, and half of a new pair takes nothing out of service."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    first, second = (certificate_and_key(authority.issue(name)) for name in ("first", "second"))
    chain.write_text(first[0])
    key.write_text(first[1])
    operators = {"MAINS_TLS_CERTIFICATE": str(chain), "MAINS_TLS_KEY": str(key)}
    with a_mains(**EVERYWHERE, **operators) as mains:
        state = mains.up()
        town = build(mains)
        with mains.client() as client:
            token = JoinToken.decode(client.join_token(client.sites()[0].name).token)
        assert (token.tls_sha256, token.url) == (None, state.url)
        with Connection(state.url, key=mains.key()) as by_the_authority:
            by_the_authority.call("GET", "/whoami", repeat=False)
        a_job_runs(town)

        chain.write_text(second[0])
        eventually(lambda: "the certificate is not readable" in api_log(mains))
        assert shown(state.url) == fingerprint_of(first[0])
        a_job_runs(town)
        key.write_text(second[1])
        eventually(lambda: shown(state.url) == fingerprint_of(second[0]))
        eventually(lambda: mains.state and mains.state.certificate == second[0])
        a_job_runs(town)
        [folder] = mains.settings.sites.iterdir()
        assert (folder / TRUSTED_FILE).read_text() == second[0]


def certificate_and_key(path: Path) -> tuple[str, str]:
    key, begin, certificate = path.read_text().partition("-----BEGIN CERTIFICATE-----")
    return begin + certificate, key


def api_log(mains: Mains) -> str:
    return (mains.settings.logs / "api.log").read_text("utf-8")


def a_job_runs(town: Town) -> None:
    job = SubmitRequest(id=new_id(), spec=marked(town))
    with town.client() as client:
        client.submit(job)
        assert settled(client, job.id).state == "succeeded"


def shown(url: str) -> str:
    parsed = httpx.URL(url)
    return fingerprint_of(ssl.get_server_certificate((parsed.host, parsed.port or 443)))

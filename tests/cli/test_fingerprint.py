"""`mains login` at a server that vouches for itself: a person names its fingerprint, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mains.cli import contexts
from mains.cli.contexts import Context, Contexts
from mains.clock import SystemClock
from mains.daemon import certificates
from mains.daemon.certificates import Certificate
from mains.errors import RequestInvalid
from mains.settings import Settings
from mains.wire.trust import read_fingerprint
from tests.cli.city import City, make_app
from tests.cli.conftest import Mains, serving
from tests.cli.doors import KEY


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, commons=home, listen_host="city.example")
    made = certificates.prepare(settings, now=SystemClock().now())
    assert made is not None
    return made


@pytest.fixture(scope="module")
def url(own: Certificate) -> Iterator[str]:
    app = make_app()
    app.state.city = City()
    with serving(app, ssl_certfile=str(own.chain)) as port:
        yield f"https://127.0.0.1:{port}"


def test_a_fingerprint_is_named_once_and_the_context_keeps_the_certificate(
    mains: Mains, url: str, own: Certificate, configuration: Path
) -> None:
    colons = ":".join(own.fingerprint[i : i + 2].upper() for i in range(0, 64, 2))
    done = mains("login", "--url", url, "--key", KEY, "--fingerprint", f"sha256:{colons}")
    assert done.code == 0, done.err
    [kept] = contexts.load(configuration).known.values()
    assert kept.certificate == own.pinned
    assert mains("whoami").code == 0


def test_no_key_is_sent_to_a_server_that_nobody_vouches_for(
    mains: Mains, url: str, own: Certificate, configuration: Path
) -> None:
    done = mains("login", "--url", url, "--key", KEY, "--json")
    assert done.code != 0
    assert done.json["code"] == "certificate_unknown"
    assert done.json["facts"]["shown"] == own.fingerprint
    other = mains("login", "--url", url, "--key", KEY, "--fingerprint", "0" * 64)
    assert other.code != 0
    assert "another certificate" in other.err
    assert contexts.load(configuration).known == {}


def test_an_address_of_the_environment_comes_with_its_certificate(
    mains: Mains, url: str, own: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINS_URL", url)
    monkeypatch.setenv("MAINS_KEY", KEY)
    assert "certificate_unknown" in mains("whoami").err
    pem = tmp_path / "city.pem"
    pem.write_text(str(own.pinned))
    monkeypatch.setenv("MAINS_CERTIFICATE", str(pem))
    assert mains("whoami").code == 0
    monkeypatch.setenv("MAINS_CERTIFICATE", str(tmp_path / "none.pem"))
    assert "MAINS_CERTIFICATE" in mains("whoami").err


def test_a_known_address_with_another_certificate_is_refused_whoever_vouches_for_it(
    mains: Mains,
    url: str,
    own: Certificate,
    configuration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only a fingerprint that a person names says that a certificate was replaced."""
    settings = Settings(home=tmp_path, commons=tmp_path, listen_host="city.example")
    other = certificates.prepare(settings, now=SystemClock().now())
    assert other is not None
    before = Contexts().having(Context("city", url, KEY, certificate=other.pinned))
    contexts.save(before, configuration)
    pem = tmp_path / "own.pem"
    pem.write_text(own.shown)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    refused = mains("login", "--url", url, "--key", KEY)
    assert (refused.code != 0, "certificate_unknown" in refused.err) == (True, True)
    assert contexts.load(configuration) == before
    named = mains("login", "--url", url, "--key", KEY, "--fingerprint", own.fingerprint)
    assert named.code == 0, named.err


@pytest.mark.parametrize("text", ["", "sha256:12", "g" * 64, "0" * 63])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(RequestInvalid, match="no fingerprint"):
        read_fingerprint(text)

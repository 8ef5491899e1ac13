"""Who is trusted over TLS, on real sockets; whoever is not hears a greeting and no word more."""

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mains.errors import CertificateUnknown, MainsError, RequestInvalid, ServerUnreachable
from mains.wire.connection import Connection
from mains.wire.trust import KnownContext, fingerprints_of, require_private_way, trusting
from tests.wire.authority import NOW, Authority

KEY = "mains_the-key-that-nobody-else-may-hear"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
REDIRECT = (
    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%d/v1/whoami\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


def certificate_of(path: Path) -> str:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.public_bytes(Encoding.PEM).decode()


@dataclass
class Stranger:
    """A server that keeps every byte it hears after the handshake; `plain` ones speak no TLS."""

    port: int
    heard: list[bytes] = field(default_factory=list)
    greetings: int = 0

    def url(self, scheme: str = "https") -> str:
        return f"{scheme}://127.0.0.1:{self.port}"


@contextmanager
def a_stranger(
    certificate: Path | None,
    *,
    answer: bytes = ANSWER,
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
) -> Iterator[Stranger]:
    context: ssl.SSLContext | None = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if newest is not ssl.TLSVersion.MAXIMUM_SUPPORTED:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
        context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    stranger = Stranger(listener.getsockname()[1])

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            stranger.greetings += 1
            plain.settimeout(5)
            try:
                spoken = plain if context is None else context.wrap_socket(plain, server_side=True)
                with spoken:
                    if said := spoken.recv(65_536):
                        stranger.heard.append(said)
                        spoken.sendall(answer)
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield stranger
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


def ask(stranger: Stranger, certificates: str | None) -> None:
    """Send what a person sends: the key, and once a body; raises as the connection does."""
    with Connection(
        stranger.url(), key=KEY, certificates=certificates, sleep=lambda _: None
    ) as connection:
        connection.call("POST", "/jobs", body=b'{"secrets": {"TOKEN": "s"}}', repeat=True)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this system trusts, as far as this test can tell."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.root))
    return made


def test_a_server_is_heard_where_the_system_or_the_known_certificate_vouches_for_it(
    authority: Authority,
) -> None:
    own = authority.issue("own", host="10.1.2.3", self_signed=True)
    with a_stranger(authority.issue("issued")) as issued, a_stranger(own) as known:
        ask(issued, None)
        ask(known, certificate_of(own))

    for server in (issued, known):
        [request] = server.heard
        assert KEY.encode() in request


@pytest.mark.parametrize("fault", ["expired", "other host", "vouches for itself", "other issuer"])
def test_a_server_that_no_authority_vouches_for_hears_nothing(
    authority: Authority, tmp_path: Path, fault: str
) -> None:
    other = Authority(tmp_path / "other")
    other.folder.mkdir()
    certificate = {
        "expired": authority.issue("expired", until=NOW - timedelta(days=1)),
        "other host": authority.issue("elsewhere", host="10.1.2.3"),
        "vouches for itself": authority.issue("own", self_signed=True),
        "other issuer": other.issue("issued"),
    }[fault]
    with a_stranger(certificate) as stranger, pytest.raises(CertificateUnknown):
        ask(stranger, None)

    assert (stranger.heard, stranger.greetings) == ([], 1), "nor is it asked again"


@pytest.mark.parametrize("fault", ["another", "expired", "issued by an authority", "below it"])
def test_a_server_that_is_not_the_known_one_hears_nothing(authority: Authority, fault: str) -> None:
    """Neither an authority of the system nor the known key itself can vouch for another one."""
    known = authority.issue("known", self_signed=True)
    expired = authority.issue("late", self_signed=True, until=NOW - timedelta(days=1))
    shown, expected = {
        "another": (authority.issue("another", self_signed=True), known),
        "expired": (expired, expired),
        "issued by an authority": (authority.issue("issued"), known),
        "below it": (authority.issue("below"), authority.root),
    }[fault]
    with a_stranger(shown) as stranger, pytest.raises(CertificateUnknown):
        ask(stranger, certificate_of(expected))

    assert (stranger.heard, stranger.greetings) == ([], 1)


def test_nobody_is_followed_from_https_to_http(authority: Authority) -> None:
    own = authority.issue("own", self_signed=True)
    with (
        a_stranger(None) as plain,
        a_stranger(own, answer=REDIRECT % plain.port) as server,
        pytest.raises(MainsError),
    ):
        ask(server, certificate_of(own))

    assert (len(server.heard), plain.heard) == (1, [])


def test_a_server_known_by_its_certificate_is_never_called_in_the_clear(
    authority: Authority,
) -> None:
    known = certificate_of(authority.issue("own", self_signed=True))
    with pytest.raises(RequestInvalid, match="not encrypted"):
        Connection("http://city.example", key=KEY, certificates=known)
    with pytest.raises(RequestInvalid, match="not encrypted"):
        require_private_way("http://city.example", insecure=False)
    for url, insecure in (("http://city.example", True), ("http://127.0.0.1:1", False)):
        require_private_way(url, insecure=insecure)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_versions_before_1_2_are_not_spoken(authority: Authority, version: str) -> None:
    own = authority.issue("own", self_signed=True)
    newest = ssl.TLSVersion[version]
    for known in (certificate_of(own), None):
        with (
            a_stranger(own, newest=newest) as stranger,
            pytest.raises((CertificateUnknown, ServerUnreachable)),
        ):
            ask(stranger, known)
        assert stranger.heard == []
    content = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    content.minimum_version = ssl.TLSVersion.TLSv1
    content.set_ciphers("ALL:@SECLEVEL=0")
    content.check_hostname, content.verify_mode = False, ssl.CERT_NONE
    with (
        a_stranger(own, newest=newest) as stranger,
        socket.create_connection(("127.0.0.1", stranger.port), timeout=5) as plain,
        content.wrap_socket(plain) as spoken,
    ):
        assert spoken.version() == version.replace("_", "."), "whoever takes it is served"


def test_a_certificate_that_was_replaced_is_trusted_no_longer(authority: Authority) -> None:
    """OpenSSL only adds to what it trusts; what was left out is refused all the same."""
    old, new = (authority.issue(name, self_signed=True) for name in ("old", "new"))
    context = trusting("https://city.example", certificate_of(old))
    assert isinstance(context, KnownContext)
    context.know(certificate_of(old) + certificate_of(new))
    assert refused(context, [old, new]) == []
    context.know(certificate_of(new))
    assert refused(context, [old, new]) == [old]
    assert context.known == fingerprints_of(certificate_of(new))


def refused(context: ssl.SSLContext, shown: Sequence[Path]) -> list[Path]:
    """Return the certificates that a handshake with this context ends at."""
    found = []
    for path in shown:
        with a_stranger(path) as stranger:
            plain = socket.create_connection(("127.0.0.1", stranger.port), timeout=5)
            try:
                context.wrap_socket(plain, server_hostname="city.example").close()
            except ssl.SSLCertVerificationError:
                found.append(path)
                plain.close()
    return found

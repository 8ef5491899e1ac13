"""The server's certificate: made on the first start beyond loopback, or the operator's own.

One that mains made is trusted by its fingerprint. To replace it, the next one is made first
and told to agents over the connection that they trust; they accept both from then on.
"""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mains.errors import SetupMissing, StateConflict
from mains.parties import rings
from mains.settings import Settings
from mains.wire.trust import is_loopback_host

OWN: Final = "tls"
NEXT: Final = "tls-next"
VALIDITY: Final = timedelta(days=3_650)
"""Long, for its end would cut off every agent: it is trusted by itself, and replaced by hand."""

BACKDATED: Final = timedelta(days=1)
"""Clocks of agents may be a little behind."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where a certificate and its key lie, in PEM; those that mains makes share one file."""

    chain: Path
    key: Path

    @property
    def parsed(self) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.chain.read_bytes())

    @property
    def pinned(self) -> str | None:
        """The certificate in PEM, if it vouches for itself; None where an authority does."""
        first = self.parsed[0]
        if first.issuer != first.subject:
            return None
        return first.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def shown(self) -> str:
        """The certificate in PEM, without its chain: whoever vouches for it."""
        return self.parsed[0].public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        return self.parsed[0].fingerprint(hashes.SHA256()).hex()

    @property
    def until(self) -> datetime:
        """When it ends."""
        return self.parsed[0].not_valid_after_utc

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when another one is put in its place."""
        return self.chain.stat().st_mtime_ns, self.key.stat().st_mtime_ns


def prepare(settings: Settings, *, now: datetime) -> Certificate | None:
    """Return the certificate to serve with, made if need be; None where plain HTTP is meant.

    Raises SetupMissing for a certificate and a key that do not go together.
    """
    certificate = serving(settings)
    if certificate is None:
        return None
    if certificate.chain.parent == settings.keys and not certificate.chain.exists():
        _make(settings, OWN, now=now)
    check(certificate)
    return certificate


def check(certificate: Certificate) -> None:
    """Raises SetupMissing for a certificate and a key that do not go together."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate.chain, certificate.key
        )
    except (OSError, ssl.SSLError) as error:
        raise SetupMissing(
            f"can't serve with the certificate {certificate.chain} and the key "
            f"{certificate.key}: {error}",
            hint="MAINS_TLS_CERTIFICATE and MAINS_TLS_KEY name PEM files that go together.",
        ) from error


def serving(settings: Settings) -> Certificate | None:
    """Return which files the settings mean; they may not be there yet."""
    if settings.tls not in {"auto", "off"}:
        raise SetupMissing("MAINS_TLS is auto or off", hint="auto encrypts beyond loopback.")
    if settings.tls == "off":
        return None
    if settings.tls_certificate is not None:
        if settings.tls_key is None:
            raise SetupMissing("MAINS_TLS_CERTIFICATE needs MAINS_TLS_KEY beside it")
        return Certificate(Path(settings.tls_certificate), Path(settings.tls_key))
    return None if is_loopback_host(settings.listen_host) else _of(settings, OWN)


def announced(settings: Settings) -> str | None:
    """Return what agents should trust, in PEM: this certificate and the next one; None for none."""
    certificate = serving(settings)
    pinned = None if certificate is None else certificate.pinned
    if pinned is None:
        return None
    following = _of(settings, NEXT)
    return pinned + ((following.pinned or "") if following.chain.exists() else "")


def make_next(settings: Settings, *, now: datetime) -> Certificate:
    """Make the certificate that will follow, once; raises StateConflict where there is none."""
    _require_own(settings)
    following = _of(settings, NEXT)
    return following if following.chain.exists() else _make(settings, NEXT, now=now)


def switch(settings: Settings) -> Certificate:
    """Put the next certificate in the place of the present one; raises StateConflict."""
    own = _require_own(settings)
    following = _of(settings, NEXT)
    if not following.chain.exists():
        raise StateConflict(
            "there is no next certificate",
            hint="`mains admin next-certificate` makes it and tells the agents of it.",
        )
    following.chain.replace(own.chain)
    return own


def _require_own(settings: Settings) -> Certificate:
    found = serving(settings)
    if found is None or found.chain.parent != settings.keys or not found.chain.exists():
        raise StateConflict(
            "this mains serves with no certificate of its own",
            hint="It makes one where it listens beyond loopback; your own is yours to replace.",
        )
    return found


def _of(settings: Settings, name: str) -> Certificate:
    path = settings.keys / f"{name}.pem"
    return Certificate(path, path)


def _make(settings: Settings, name: str, *, now: datetime) -> Certificate:
    """Write a key and a certificate of its own into one file, which appears whole."""
    made = _of(settings, name)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mains")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectAlternativeName(_names(settings)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    rings.write_beside(made.chain, private + public).replace(made.chain)
    return made


def _names(settings: Settings) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(socket.gethostname())]
    try:
        names.append(x509.IPAddress(ip_address(settings.listen_host)))
    except ValueError:
        names.append(x509.DNSName(settings.listen_host))
    return names

"""Whom to trust at an https address: the certificates that are known, or the system's authorities.

A server of a city often has no name that a public authority would certify. Its own certificate is
then the trust: a join token or a person names its fingerprint once, and from then on connections go
to whoever has that certificate's key, before a byte of a request is sent.
"""

import hashlib
import ssl
from ipaddress import ip_address
from typing import Final

import httpx

from mains.errors import CertificateUnknown, RequestInvalid, ServerUnreachable

HTTPS_PORT: Final = 443
OLDEST: Final = ssl.TLSVersion.TLSv1_2
ANSWER_SECONDS_MAX: Final = 10.0
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_HEX_DIGITS: Final = 64


class KnownContext(ssl.SSLContext):
    """Lets through the certificates that are known now, once TLS itself has verified them.

    OpenSSL only ever adds to what it trusts, so what was replaced is turned away here: as the last
    step of the handshake, before a byte of a request.
    """

    known: frozenset[str]

    def know(self, certificates: str) -> None:
        """Accept these from now on and no others; raises ssl.SSLError for what is no PEM."""
        self.load_verify_locations(cadata=certificates)
        self.known = fingerprints_of(certificates)

    def check(self, shown: bytes | None) -> None:
        if shown is None or hashlib.sha256(shown).hexdigest() not in self.known:
            raise ssl.SSLCertVerificationError("the certificate was replaced by another one")


class _KnownSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _check(self.context, self.getpeercert(binary_form=True))


class _KnownObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _check(self.context, self.getpeercert(binary_form=True))


KnownContext.sslsocket_class = _KnownSocket
KnownContext.sslobject_class = _KnownObject


def _check(context: ssl.SSLContext, shown: bytes | None) -> None:
    assert isinstance(context, KnownContext)
    context.check(shown)


def trusting(url: str, certificates: str | None) -> ssl.SSLContext | bool:
    """Return what httpx should verify an address with; certificates is PEM, one or several.

    Raises RequestInvalid where a server that is known by its certificate is called without TLS.
    """
    if not url.startswith("https:"):
        if certificates is not None and not is_loopback(url):
            raise RequestInvalid(
                f"{url} is not encrypted, and the server is known by its certificate",
                hint="Use its https address.",
            )
        return False
    if certificates is None:
        context = ssl.create_default_context()
        context.minimum_version = OLDEST
        return context
    known = KnownContext(ssl.PROTOCOL_TLS_CLIENT)
    known.minimum_version = OLDEST
    # The certificate itself is known, so it needs no authority above it and no name.
    known.check_hostname = False
    known.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    known.know(certificates)
    return known


def require_private_way(url: str, *, insecure: bool) -> None:
    """Raises RequestInvalid where what is sent could be read on its way and nobody allowed it."""
    if url.startswith("http:") and not is_loopback(url) and not insecure:
        raise RequestInvalid(
            f"{url} is not encrypted, and secrets would cross the network in the clear.",
            hint="Use its https address, or add --insecure.",
        )


def is_loopback(url: str) -> bool:
    """Tell whether an address stays on this machine."""
    return is_loopback_host(httpx.URL(url).host)


def is_loopback_host(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def certificate_at(url: str, *, fingerprint: str) -> str:
    """Return the certificate that a server shows, in PEM, if it is the one that is expected.

    Raises CertificateUnknown for another one, ServerUnreachable where there is none.
    """
    shown = shown_certificate(url)
    if fingerprint_of(shown) != fingerprint:
        raise CertificateUnknown(
            f"{url} shows another certificate than expected: {fingerprint_of(shown)}",
            expected=fingerprint,
            shown=fingerprint_of(shown),
        )
    return shown


def shown_certificate(url: str) -> str:
    """Return whatever certificate a server shows, in PEM; raises ServerUnreachable."""
    parsed = httpx.URL(url)
    address = (parsed.host, parsed.port or HTTPS_PORT)
    try:
        return ssl.get_server_certificate(address, timeout=ANSWER_SECONDS_MAX)
    except (OSError, ValueError) as error:
        raise ServerUnreachable(f"no certificate from {url}: {error}", effect="none") from error


def fingerprint_of(certificate: str) -> str:
    """Return the SHA-256 of the first certificate of a PEM text, in hex."""
    first = _BEGIN + certificate.partition(_BEGIN)[2].partition("-----END")[0]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f"{first}-----END CERTIFICATE-----")).hexdigest()


def fingerprints_of(certificates: str) -> frozenset[str]:
    """Return the SHA-256 of each certificate of a PEM text, in hex."""
    return frozenset(fingerprint_of(_BEGIN + each) for each in certificates.split(_BEGIN)[1:])


def is_distrust(error: BaseException | None) -> bool:
    """Tell whether a connection failed since the certificate shown is not a trusted one."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def read_fingerprint(text: str) -> str:
    """Return a fingerprint as people write it, with sha256: and colons or without, as 64 digits.

    Raises RequestInvalid.
    """
    digits = text.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(digits) != _HEX_DIGITS or not set(digits) <= set("0123456789abcdef"):
        raise RequestInvalid(
            f"{text!r} is no fingerprint",
            hint="It has 64 hexadecimal digits: `mains up` on the server shows it.",
        )
    return digits

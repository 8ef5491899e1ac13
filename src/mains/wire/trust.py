"""Whom to trust at an https address: the certificates that are known, or the system's authorities.

A server of a city often has no name that a public authority would certify. Its own certificate is
then the trust: a join token or a person names its fingerprint once, and from then on connections go
to whoever has that certificate's key, before a byte of a request is sent.
"""

import hashlib
import ssl
from typing import Final

import httpx

from mains.errors import CertificateUnknown, RequestInvalid, ServerUnreachable

HTTPS_PORT: Final = 443
ANSWER_SECONDS_MAX: Final = 10.0
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_HEX_DIGITS: Final = 64


def trusting(url: str, certificates: str | None) -> ssl.SSLContext | bool:
    """Return what httpx should verify an address with; certificates is PEM, one or several."""
    if certificates is None or not url.startswith("https:"):
        return True
    context = ssl.create_default_context(cadata=certificates)
    # The certificate itself is known, so it needs no authority above it and no name.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


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


def count_of(certificates: str) -> int:
    """Return how many certificates a PEM text holds."""
    return certificates.count(_BEGIN)


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

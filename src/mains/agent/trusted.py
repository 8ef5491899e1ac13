"""The server's certificates that this agent trusts: named by its token first, then by the server.

A server with a certificate from an authority needs none of this: the file is not there then.
"""

import ssl
from pathlib import Path
from typing import Final

import structlog

from mains.errors import RequestInvalid
from mains.wire.trust import (
    KnownContext,
    certificate_at,
    fingerprint_of,
    fingerprints_of,
    trusting,
)

TRUSTED_FILE: Final = "trusted.pem"
LOG: Final = structlog.get_logger(__name__)


class Trusted:
    """The certificates in an agent's folder; connections made after `learn` accept those alone."""

    def __init__(self, folder: Path, url: str, certificates: str | None) -> None:
        self._path = folder / TRUSTED_FILE
        self._certificates = certificates
        self.verify: ssl.SSLContext | bool = trusting(url, certificates)

    @classmethod
    def load(cls, folder: Path, url: str) -> "Trusted":
        """Return what the folder holds."""
        path = folder / TRUSTED_FILE
        return cls(folder, url, path.read_text("ascii") if path.exists() else None)

    @classmethod
    def first(cls, folder: Path, url: str, *, fingerprint: str | None) -> "Trusted":
        """Look at a server once, before anything is sent there; keep its certificate.

        Raises CertificateUnknown where it is not the one of this fingerprint, RequestInvalid where
        there can be none.
        """
        if fingerprint is not None and not url.startswith("https:"):
            raise RequestInvalid(
                f"the token names a certificate, and {url} is not encrypted",
                hint="Ask the operator for a fresh join token: `mains site token SITE`.",
            )
        if fingerprint is None:
            (folder / TRUSTED_FILE).unlink(missing_ok=True)
            return cls(folder, url, None)
        made = cls(folder, url, certificate_at(url, fingerprint=fingerprint))
        made._keep()
        return made

    def learn(self, certificates: str | None) -> None:
        """Trust what the server itself says that it shows, now or next, and forget the rest."""
        if certificates is None or certificates == self._certificates:
            return
        if not isinstance(self.verify, KnownContext):
            # An authority vouches for this server, and need not be overruled by it.
            return
        try:
            if self.verify.known.isdisjoint(fingerprints_of(certificates)):
                # The present one among them is what made this connection; without it they are
                # a mistake that would lock this agent out.
                LOG.warning("certificates_strange", first=fingerprint_of(certificates))
                return
            self.verify.know(certificates)
        except (ssl.SSLError, ValueError) as error:
            LOG.warning("certificates_unreadable", because=str(error))
            return
        self._certificates = certificates
        self._keep()
        LOG.info("certificates_learnt", first=fingerprint_of(certificates))

    def _keep(self) -> None:
        assert self._certificates is not None
        fresh = self._path.with_suffix(".new")
        fresh.write_text(self._certificates, "ascii")
        fresh.replace(self._path)

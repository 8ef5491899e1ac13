"""The server's certificates that this agent trusts: named by its token first, then by the server.

A server with a certificate from an authority needs none of this: the file is not there then.
"""

import ssl
from pathlib import Path
from typing import Final

import structlog

from mains.wire.trust import certificate_at, fingerprint_of, trusting

TRUSTED_FILE: Final = "trusted.pem"
LOG: Final = structlog.get_logger(__name__)


class Trusted:
    """The certificates in an agent's folder; connections made after `learn` accept the new ones."""

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

        Raises CertificateUnknown where it is not the one of this fingerprint.
        """
        if fingerprint is None or not url.startswith("https:"):
            (folder / TRUSTED_FILE).unlink(missing_ok=True)
            return cls(folder, url, None)
        made = cls(folder, url, certificate_at(url, fingerprint=fingerprint))
        made._keep()
        return made

    def learn(self, certificates: str | None) -> None:
        """Trust what the server itself says that it shows, now or next, and forget the rest."""
        if certificates is None or certificates == self._certificates:
            return
        if not isinstance(self.verify, ssl.SSLContext):
            # An authority vouches for this server, and need not be overruled by it.
            return
        try:
            self.verify.load_verify_locations(cadata=certificates)
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

"""Secrets at rest: AES-256-GCM under a key that only the server's user can read."""

import hmac
import os
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mains.errors import StoreCorrupt

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class SecretBox:
    """Seals bytes for one job: opened for another, or altered, they are refused."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._fingerprint_key = hmac.digest(key, b"fingerprints of submissions", "sha256")

    @classmethod
    def from_file(cls, path: Path) -> "SecretBox":
        """Read the key, or make it on the first start; mode 0600."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls(path.read_bytes())
        with os.fdopen(descriptor, "wb") as file:
            file.write(AESGCM.generate_key(8 * _KEY_BYTES))
        return cls(path.read_bytes())

    def fingerprint(self, plain: bytes) -> bytes:
        """Return what tells this text from others, and tells nobody without the key what it is."""
        return hmac.digest(self._fingerprint_key, plain, "sha256")

    def seal(self, plain: bytes, *, job_id: UUID) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, job_id.bytes)

    def open(self, sealed: bytes, *, job_id: UUID) -> bytes:
        """Return the plain bytes; raises StoreCorrupt when key, job or bytes don't match."""
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, job_id.bytes)
        except InvalidTag:
            raise StoreCorrupt(
                f"the secrets of job {job_id} can't be opened",
                hint="Restore the file `secrets` in the folder of keys from your backup.",
            ) from None

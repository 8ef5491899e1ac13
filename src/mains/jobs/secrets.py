"""Secrets at rest: AES-256-GCM under keys that only the server's user can read.

What is sealed begins with the version of its key. What was sealed before there were versions
begins with its nonce, and is of version 1.
"""

import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mains.errors import StoreCorrupt
from mains.parties.rings import Ring, RingFiles, write_beside

SECRETS: Final = "secrets"
FINGERPRINTS: Final = ".fingerprints"
MAGIC: Final = b"mns\x01"
"""A nonce begins like this once in four thousand million times: then version 1 is tried too."""

_VERSION_BYTES: Final = 4
HEAD_BYTES: Final = len(MAGIC) + _VERSION_BYTES
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One version of the key, and what of it tells submissions apart once it is gone."""

    cipher: AESGCM
    fingerprints: bytes

    @classmethod
    def of(cls, key: bytes) -> Self:
        return cls(AESGCM(key), _fingerprint_key(key))


class SecretBox(Ring[SealingKey]):
    """Seals bytes for one job: opened for another, or altered, they are refused."""

    def __init__(self, key: bytes | None = None, *, files: RingFiles | None = None) -> None:
        self._retired: dict[int, bytes] = {}
        super().__init__(None if key is None else {1: SealingKey.of(key)}, files=files)

    @classmethod
    def from_files(cls, keys: Path) -> Self:
        """Read the keys, the first one made on the first start; mode 0600."""
        files = secrets_files(keys)
        files.begin(new_key())
        return cls(files=files)

    def read(self, path: Path) -> SealingKey:
        content = path.read_bytes()
        if len(content) != _KEY_BYTES:
            raise StoreCorrupt(
                f"{path} is not a key of {_KEY_BYTES} bytes", hint="Restore it from a backup."
            )
        return SealingKey.of(content)

    def read_again(self) -> None:
        super().read_again()
        if self.files is not None:
            self._retired = _retired(self.files.keys)

    def fingerprint(self, plain: bytes) -> bytes:
        """Return what tells this text from others, and tells nobody without the key what it is."""
        _, key = self.newest
        return hmac.digest(key.fingerprints, plain, "sha256")

    def recognises(self, fingerprint: bytes, plain: bytes) -> bool:
        """Say whether this is the text's fingerprint under the key of now or any before it."""
        if hmac.compare_digest(self.fingerprint(plain), fingerprint):
            return True
        keys = [key.fingerprints for key in self._known.values()] + [*self._retired.values()]
        return any(
            hmac.compare_digest(hmac.digest(key, plain, "sha256"), fingerprint) for key in keys
        )

    def seal(self, plain: bytes, *, job_id: UUID) -> bytes:
        version, key = self.newest
        nonce = os.urandom(_NONCE_BYTES)
        return head(version) + nonce + key.cipher.encrypt(nonce, plain, job_id.bytes)

    def open(self, sealed: bytes, *, job_id: UUID) -> bytes:
        """Return the plain bytes; raises StoreCorrupt when key, job or bytes don't match."""
        if sealed.startswith(MAGIC):
            plain = self._opened(version_of(sealed), sealed[HEAD_BYTES:], job_id)
            if plain is not None:
                return plain
        plain = self._opened(1, sealed, job_id)
        if plain is None:
            raise StoreCorrupt(
                f"the secrets of job {job_id} can't be opened",
                hint="Restore the files `secrets*` in the folder of keys from your backup.",
            )
        return plain

    def _opened(self, version: int, sealed: bytes, job_id: UUID) -> bytes | None:
        key = self.of(version)
        if key is None:
            return None
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return key.cipher.decrypt(nonce, body, job_id.bytes)
        except (InvalidTag, ValueError):
            return None


def head(version: int) -> bytes:
    """Return what everything begins with that is sealed under this version."""
    return MAGIC + version.to_bytes(_VERSION_BYTES)


def version_of(sealed: bytes) -> int:
    """Return the version that these bytes, or their head, are sealed under."""
    return int.from_bytes(sealed[len(MAGIC) : HEAD_BYTES]) if sealed.startswith(MAGIC) else 1


def secrets_files(keys: Path) -> RingFiles:
    return RingFiles(keys, SECRETS)


def new_key() -> bytes:
    return AESGCM.generate_key(8 * _KEY_BYTES)


def retire(files: RingFiles, version: int) -> None:
    """Destroy a key that nothing is sealed under, and keep what recognises submissions.

    What stays opens nothing: it is derived from the key, and only one way.
    """
    path = files.path(version)
    if path.exists():
        kept = files.keys / f"{SECRETS}.{version}{FINGERPRINTS}"
        write_beside(kept, _fingerprint_key(path.read_bytes())).replace(kept)
    files.destroy(version)


def _retired(keys: Path) -> dict[int, bytes]:
    pattern = re.compile(rf"{SECRETS}\.(\d{{1,6}}){re.escape(FINGERPRINTS)}")
    found = {path: pattern.fullmatch(path.name) for path in keys.glob(f"{SECRETS}.*")}
    return {int(match[1]): path.read_bytes() for path, match in found.items() if match}


def _fingerprint_key(key: bytes) -> bytes:
    return hmac.digest(key, b"fingerprints of submissions", "sha256")

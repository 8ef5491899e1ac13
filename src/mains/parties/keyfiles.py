"""The files that guard the keys: the pepper, what signs receipts, the administrator's key."""

import secrets
from pathlib import Path
from typing import Final, Self

from mains.errors import StoreCorrupt
from mains.parties.rings import Ring, RingFiles, write_beside
from mains.wire import dsse
from mains.wire.dsse import SigningKey

PEPPER_BYTES: Final = 32
PEPPER: Final = "pepper"
SIGNING: Final = "signing"
ADMINISTRATOR: Final = "administrator"


class Peppers(Ring[bytes]):
    """What digests of API keys are made under, by version.

    Without the version that a digest was made under, its key is not known any more.
    """

    @classmethod
    def from_files(cls, keys: Path) -> Self:
        """Return the peppers, the first one made on the first start.

        Raises StoreCorrupt when a file is no pepper.
        """
        files = pepper_files(keys)
        files.begin(secrets.token_bytes(PEPPER_BYTES))
        return cls(files=files)

    def read(self, path: Path) -> bytes:
        content = path.read_bytes()
        if len(content) != PEPPER_BYTES:
            raise StoreCorrupt(
                f"{path} is not a pepper of {PEPPER_BYTES} bytes",
                hint="Restore it from a backup; without it every key must be made anew.",
            )
        return content


class Signers(Ring[SigningKey]):
    """What receipts and decisions are signed with, by version; only the newest one signs."""

    @classmethod
    def from_files(cls, keys: Path) -> Self:
        """Return the signing keys, the first one made on the first start; raises as dsse.load."""
        files = signing_files(keys)
        if not files.versions():
            files.begin(dsse.generate().signer.private_bytes)
        return cls(files=files)

    def read(self, path: Path) -> SigningKey:
        return dsse.load(path)


def pepper_files(keys: Path) -> RingFiles:
    return RingFiles(keys, PEPPER)


def signing_files(keys: Path) -> RingFiles:
    return RingFiles(keys, SIGNING, ".pem")


def keep_administrator_key(keys: Path, key: str) -> Path:
    """Write the administrator's key for its owner alone to read; return where it lies."""
    path = keys / ADMINISTRATOR
    write_beside(path, f"{key}\n".encode()).replace(path)
    return path

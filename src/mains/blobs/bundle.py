"""Bundles: a folder of code as one archive, the same tree always with the same hash.

An archive from outside is hostile until checked. Accepted are regular files, folders and
symbolic links that stay inside; everything else is refused before anything is written.
"""

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, Self

from pathspec import GitIgnoreSpec

from mains.errors import BundleTooLarge, BundleUnsafe, StateConflict, StorageUnavailable

BYTES_MAX: Final = 256 * 2**20
FILES_MAX: Final = 20_000
IGNORE_FILE: Final = ".mainsignore"
ALWAYS_IGNORED: Final = (".git",)
COMPRESSION: Final = 6
CHUNK_BYTES: Final = 2**20
HEADER_BYTES_MAX: Final = 2**18
"""One member's extended headers; a name and a link target need far less."""

OVERHEAD_BYTES_PER_FILE: Final = 2_048
NAME_BYTES_MAX: Final = 255
PATH_BYTES_MAX: Final = 1_024
DEPTH_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Packed:
    """A finished archive in a temporary file, which goes when the `with` block ends."""

    path: Path
    sha256: str
    size_bytes: int
    files_count: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)


def pack(folder: Path, *, bytes_max: int = BYTES_MAX, files_max: int = FILES_MAX) -> Packed:
    """Return a deterministic tar.gz of a folder, without .git and what .mainsignore names.

    Owners, times and modes other than "executable" are left out. `bytes_max` bounds the content,
    not the archive. Raises BundleTooLarge, or BundleUnsafe for what a bundle can't carry.
    """
    descriptor, name = tempfile.mkstemp(prefix="mains-bundle-", suffix=".tar.gz")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            count = _write(folder, file, bytes_max=bytes_max, files_max=files_max)
            size_bytes = file.tell()
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except BaseException:
        path.unlink()
        raise
    return Packed(path, f"sha256:{digest}", size_bytes, count)


def check(path: Path, *, bytes_max: int = BYTES_MAX, files_max: int = FILES_MAX) -> None:
    """Read a whole archive and raise BundleUnsafe or BundleTooLarge when it is not acceptable."""
    with _open(path, bytes_max=bytes_max, files_max=files_max) as archive:
        for _ in archive.members():
            pass


def unpack(
    path: Path, into: Path, *, bytes_max: int = BYTES_MAX, files_max: int = FILES_MAX
) -> None:
    """Check an archive, then write it into a new or empty folder.

    Raises as `check` does, StateConflict when the folder holds something, and StorageUnavailable
    when it can't be written; nothing is left behind in any of these cases.
    """
    check(path, bytes_max=bytes_max, files_max=files_max)
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise StateConflict(f"{into} is not empty; a bundle needs a folder of its own.")
    try:
        with _open(path, bytes_max=bytes_max, files_max=files_max) as archive:
            for name, member in archive.members():
                _extract(archive, member, into / name)
    except BaseException as error:
        _empty(into)
        if isinstance(error, OSError):
            raise StorageUnavailable(f"Can't unpack into {into}: {error.strerror}.") from error
        raise


def _write(folder: Path, file: IO[bytes], *, bytes_max: int, files_max: int) -> int:
    """Write the archive and return how many entries it has."""
    count = total_bytes = 0
    with (
        gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in _listed(folder):
            entry = _describe(folder, name)
            count += 1
            total_bytes += entry.size
            if count > files_max or total_bytes > bytes_max:
                raise BundleTooLarge(
                    f"{folder} has more than {files_max} files or {bytes_max} bytes.",
                    hint=f"Name what the job doesn't need in {IGNORE_FILE}, as in a .gitignore.",
                )
            _add(archive, entry, folder / name)
    return count


def _listed(folder: Path) -> list[str]:
    """Return the paths that belong into the bundle, relative and sorted by their bytes."""
    if not folder.is_dir():
        raise BundleUnsafe(f"{folder} is not a folder.")
    patterns = [f"/{name}" for name in ALWAYS_IGNORED]
    ignore_file = folder / IGNORE_FILE
    if ignore_file.is_file():
        patterns += ignore_file.read_text("utf-8").splitlines()
    ignored = GitIgnoreSpec.from_lines(patterns)
    names: list[str] = []
    for root, folders, files in os.walk(folder):
        base = Path(root).relative_to(folder)
        real = [name for name in folders if not (Path(root) / name).is_symlink()]
        links = [name for name in folders if name not in set(real)]
        kept = [name for name in real if not ignored.match_file(f"{base / name}/")]
        folders[:] = kept
        names += [(base / name).as_posix() for name in kept]
        others = [(base / name).as_posix() for name in (*files, *links)]
        names += [name for name in others if not ignored.match_file(name)]
    return sorted(names, key=os.fsencode)


def _describe(folder: Path, name: str) -> tarfile.TarInfo:
    path = folder / name
    facts = path.lstat()
    entry = tarfile.TarInfo(_clean_name(name))
    entry.mode = 0o755
    if stat.S_ISLNK(facts.st_mode):
        entry.type = tarfile.SYMTYPE
        entry.linkname = str(path.readlink())
        _check_link(name, entry.linkname)
    elif stat.S_ISDIR(facts.st_mode):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISREG(facts.st_mode):
        entry.size = facts.st_size
        entry.mode = 0o755 if facts.st_mode & stat.S_IXUSR else 0o644
    else:
        raise BundleUnsafe(
            f"{name} is neither a file, a folder nor a link.", hint=f"Name it in {IGNORE_FILE}."
        )
    return entry


def _add(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    if not entry.isreg():
        archive.addfile(entry)
        return
    try:
        with path.open("rb") as content:
            archive.addfile(entry, content)
    except OSError as error:
        raise BundleUnsafe(f"Can't read {entry.name}, or it shrank meanwhile: {error}.") from error


class _Archive:
    """A hostile archive, read once from front to back within bounds."""

    def __init__(
        self, tar: tarfile.TarFile, bounded: "_Bounded", *, bytes_max: int, files_max: int
    ) -> None:
        self._tar = tar
        self._bounded = bounded
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._kinds: dict[str, bytes] = {}
        self._explicit: set[str] = set()
        self._content_bytes = 0

    def members(self) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """Yield each member with its clean name after all checks that it can fail."""
        while (member := self._tar.next()) is not None:
            name = self._admit(member)
            if name:
                yield name, member
        self._bounded.drain()

    def content(self, member: tarfile.TarInfo) -> IO[bytes]:
        content = self._tar.extractfile(member)
        assert content is not None
        return content

    def _admit(self, member: tarfile.TarInfo) -> str:
        name = _clean_name(member.name)
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE):
            raise BundleUnsafe(f"{name} is a device, a hard link or of another special kind.")
        if member.size < 0 or member.sparse is not None:
            raise BundleUnsafe(f"{name} claims a size that it does not have.")
        if not member.isreg() and member.size:
            raise BundleUnsafe(f"{name} is no file but has content.")
        self._content_bytes += member.size
        if member.issym():
            _check_link(name, member.linkname)
        if not name and not member.isdir():
            raise BundleUnsafe("The bundle's own folder is given as a file or a link.")
        self._place(name, tarfile.REGTYPE if member.isreg() else member.type)
        if len(self._kinds) > self._files_max or self._content_bytes > self._bytes_max:
            raise BundleTooLarge(
                f"The bundle unpacks to more than {self._files_max} files or "
                f"{self._bytes_max} bytes."
            )
        return name

    def _place(self, name: str, kind: bytes) -> None:
        """Enter a name into the tree; parents are folders, and no name comes twice."""
        for parent in PurePosixPath(name).parents:
            parent_name = str(parent)
            if parent_name == ".":
                break
            if self._kinds.setdefault(parent_name, tarfile.DIRTYPE) != tarfile.DIRTYPE:
                raise BundleUnsafe(f"{name} goes through {parent_name}, which is no folder.")
        if name in self._explicit or self._kinds.setdefault(name, kind) != kind:
            raise BundleUnsafe(f"{name} is in the bundle twice.")
        self._explicit.add(name)


class _Bounded(io.RawIOBase):
    """The unpacked bytes of an archive; forwards only, in small reads, and not without end."""

    def __init__(self, source: gzip.GzipFile, *, bytes_max: int) -> None:
        super().__init__()
        self._source = source
        self._bytes_max = bytes_max
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= HEADER_BYTES_MAX:
            raise BundleUnsafe("The bundle has a header of absurd size.")
        content = self._source.read(size)
        self._position += len(content)
        if self._position > self._bytes_max:
            raise BundleTooLarge(f"The bundle unpacks to more than {self._bytes_max} bytes.")
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Skip by reading, so that the bound holds; going back would be a trick."""
        if whence != io.SEEK_SET or offset < self._position:
            raise BundleUnsafe("The bundle's headers point backwards.")
        if offset > self._bytes_max:
            raise BundleTooLarge(f"The bundle unpacks to more than {self._bytes_max} bytes.")
        while self._position < offset and self.read(min(offset - self._position, HEADER_BYTES_MAX)):
            pass
        return self._position

    def drain(self) -> None:
        """Read to the end, where gzip's checksum is."""
        while self.read(HEADER_BYTES_MAX):
            pass


@contextmanager
def _open(path: Path, *, bytes_max: int, files_max: int) -> Iterator[_Archive]:
    overhead_bytes = (files_max + 16) * OVERHEAD_BYTES_PER_FILE
    try:
        with gzip.open(path, "rb") as source:
            bounded = _Bounded(source, bytes_max=bytes_max + overhead_bytes)
            with tarfile.open(fileobj=bounded, mode="r:", errorlevel=2) as tar:
                yield _Archive(tar, bounded, bytes_max=bytes_max, files_max=files_max)
    except RecursionError as error:
        raise BundleUnsafe("The bundle has a chain of headers without end.") from error
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise BundleUnsafe(f"The bundle is no whole tar.gz archive: {error}.") from error


def _extract(archive: _Archive, member: tarfile.TarInfo, target: Path) -> None:
    """Write one member; parents are real folders of ours, since `_Archive` said so."""
    if member.isdir():
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        return
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if member.issym():
        target.symlink_to(member.linkname)
        return
    mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, mode), "wb") as file:
        shutil.copyfileobj(archive.content(member), file, HEADER_BYTES_MAX)
        os.fchmod(file.fileno(), mode)


def _clean_name(name: str) -> str:
    """Return a name without "." parts; "" is the bundle's own folder."""
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BundleUnsafe(f"{name!r} is not a name in UTF-8.") from error
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise BundleUnsafe(f"{name!r} leads out of the bundle.")
    if len(encoded) > PATH_BYTES_MAX or len(parts) > DEPTH_MAX:
        raise BundleUnsafe(f"{name[:80]!r}... is too long or too deep.")
    if any(len(part.encode()) > NAME_BYTES_MAX for part in parts):
        raise BundleUnsafe(f"{name[:80]!r}... has a part that is too long.")
    return "/".join(parts)


def _check_link(name: str, target: str) -> None:
    """Refuse a link that leaves the bundle.

    `..` may only lead, as often as the link is deep: its own parents are real folders, so that
    they count one each. Behind another link `..` would start from somewhere else.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    depth = len(_clean_name(name).split("/")) - 1
    outside = target.startswith("/") or ups > depth or ".." in parts[ups:]
    if outside or not target or "\0" in target or len(os.fsencode(target)) > PATH_BYTES_MAX:
        raise BundleUnsafe(f"The link {name} leads out of the bundle, to {target!r}.")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()

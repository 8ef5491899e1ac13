"""Bundles: the same tree gives the same hash, and a hostile archive writes nothing."""

import gzip
import io
import os
import resource
import shutil
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mains.blobs import bundle
from mains.errors import BundleTooLarge, BundleUnsafe, StateConflict, StorageUnavailable


def a_tree(folder: Path) -> Path:
    """A small project with a program, a package, a link and an empty folder."""
    (folder / "package").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "run.sh").write_text("#!/bin/sh\necho hello\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "package" / "größe.py").write_text("WIDTH = 3\n")
    (folder / "package" / "main").symlink_to("../run.sh")
    return folder


def an_entry(name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.linkname = target
    return entry


def an_archive(path: Path, entries: Iterable[tarfile.TarInfo | tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, tuple):
                name, content = entry
                member = an_entry(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                archive.addfile(entry)
    return path


def raw_archive(path: Path, blocks: bytes) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(blocks)
    return path


def contents(folder: Path) -> dict[str, str]:
    """Every path below folder with what it is: content, link target or folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = f"{path.stat().st_mode & 0o777:o} {path.read_text()}"
    return found


def packed_names(folder: Path) -> list[str]:
    with bundle.pack(folder) as packed, tarfile.open(packed.path) as archive:
        return archive.getnames()


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    with bundle.pack(tree) as packed:
        bundle.check(packed.path)
        bundle.unpack(packed.path, tmp_path / "copy")
        assert packed.files_count == 5
        assert packed.size_bytes == packed.path.stat().st_size
    assert contents(tmp_path / "copy") == contents(tree)
    assert not packed.path.exists()


def test_the_same_tree_has_the_same_hash_whatever_its_times_owners_and_order(
    tmp_path: Path,
) -> None:
    first = a_tree(tmp_path / "first")
    second = tmp_path / "second"
    shutil.copytree(first, second, symlinks=True)
    (second / "run.sh").unlink()
    (second / "run.sh").write_text("#!/bin/sh\necho hello\n")
    (second / "run.sh").chmod(0o700)
    os.utime(second / "package" / "größe.py", (1, 1))
    with bundle.pack(first) as one, bundle.pack(second) as two:
        assert one.sha256 == two.sha256
        assert one.path.read_bytes() == two.path.read_bytes()


def test_a_changed_byte_changes_the_hash(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    with bundle.pack(tree) as before:
        (tree / "run.sh").write_text("#!/bin/sh\necho hallo\n")
        with bundle.pack(tree) as after:
            assert before.sha256 != after.sha256


def test_the_ignore_file_and_git_are_left_out(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    (tree / ".git").mkdir()
    (tree / ".git" / "config").write_text("secret")
    (tree / "data").mkdir()
    (tree / "data" / "large.bin").write_text("x")
    (tree / "package" / "cache.pyc").write_text("x")
    (tree / "package" / "kept.pyc").write_text("x")
    (tree / ".mainsignore").write_text("# not needed\n/data/\n*.pyc\n!kept.pyc\n")
    assert packed_names(tree) == [
        ".mainsignore",
        "empty",
        "package",
        "package/größe.py",
        "package/kept.pyc",
        "package/main",
        "run.sh",
    ]


def test_a_folder_that_is_too_large_is_not_packed(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    with pytest.raises(BundleTooLarge, match=r"more than 20000 files or 10 bytes"):
        bundle.pack(tree, bytes_max=10)
    with pytest.raises(BundleTooLarge):
        bundle.pack(tree, files_max=4)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "../package/../../outside"])
def test_a_link_out_of_the_folder_is_not_packed(tmp_path: Path, target: str) -> None:
    tree = a_tree(tmp_path / "tree")
    (tree / "package" / "out").symlink_to(target)
    with pytest.raises(BundleUnsafe, match="The link package/out leads out"):
        bundle.pack(tree)


def test_a_pipe_is_not_packed(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    os.mkfifo(tree / "pipe")
    with pytest.raises(BundleUnsafe, match="pipe is neither"):
        bundle.pack(tree)


def test_a_name_that_is_not_text_is_not_packed(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    (tree / os.fsdecode(b"\xff")).write_text("x")
    with pytest.raises(BundleUnsafe, match="UTF-8"):
        bundle.pack(tree)


def test_a_missing_folder_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(BundleUnsafe, match="is not a folder"):
        bundle.pack(tmp_path / "nowhere")


HOSTILE: dict[str, tuple[str, list[tarfile.TarInfo | tuple[str, bytes]]]] = {
    "an absolute path": ("leads out", [("/etc/cron.d/x", b"x")]),
    "a path upwards": ("leads out", [("../x", b"x")]),
    "a path that goes down and up": ("leads out", [("a/../../x", b"x")]),
    "a link to an absolute path": (
        "leads out",
        [an_entry("a", kind=tarfile.SYMTYPE, target="/etc/passwd")],
    ),
    "a link upwards": ("leads out", [an_entry("a/b", kind=tarfile.SYMTYPE, target="../../x")]),
    "a link up through another link": (
        "leads out",
        [
            an_entry("deep/link", kind=tarfile.SYMTYPE, target=".."),
            an_entry("out", kind=tarfile.SYMTYPE, target="deep/link/../x"),
        ],
    ),
    "a link without target": ("leads out", [an_entry("a", kind=tarfile.SYMTYPE)]),
    "a write through a link": (
        "goes through a",
        [an_entry("a", kind=tarfile.SYMTYPE, target="b"), ("a/x", b"x")],
    ),
    "a link over a folder that is used": (
        "twice",
        [("a/x", b"x"), an_entry("a", kind=tarfile.SYMTYPE, target="b")],
    ),
    "a file inside a file": ("goes through a", [("a", b"x"), ("a/x", b"x")]),
    "a hard link outwards": (
        "a hard link",
        [an_entry("a", kind=tarfile.LNKTYPE, target="/etc/passwd")],
    ),
    "a device": ("a device", [an_entry("a", kind=tarfile.BLKTYPE)]),
    "a terminal": ("a device", [an_entry("a", kind=tarfile.CHRTYPE)]),
    "a pipe": ("a device", [an_entry("a", kind=tarfile.FIFOTYPE)]),
    "the same name twice": ("twice", [("a", b"x"), ("a", b"y")]),
    "the same name in disguise": ("twice", [("a/b", b"x"), ("./a//b", b"y")]),
    "a link replaced by a file": (
        "twice",
        [an_entry("a", kind=tarfile.SYMTYPE, target="b"), ("a", b"x")],
    ),
    "its own folder as a link": ("own folder", [an_entry(".", kind=tarfile.SYMTYPE, target="b")]),
    "its own folder many times": (
        "twice",
        [an_entry(".", kind=tarfile.DIRTYPE), an_entry("./", kind=tarfile.DIRTYPE)],
    ),
    "a name beyond all bounds": ("too long", [("a" * 300, b"x")]),
    "a path beyond all bounds": ("too deep", [("a/" * 200 + "a", b"x")]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_and_writes_nothing(tmp_path: Path, case: str) -> None:
    complaint, entries = HOSTILE[case]
    path = an_archive(tmp_path / "hostile.tar.gz", [("first", b"harmless"), *entries])
    target = tmp_path / "into" / "deeper"
    with pytest.raises(BundleUnsafe, match=complaint):
        bundle.unpack(path, target)
    assert not target.exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["hostile.tar.gz"]


def test_a_bomb_by_size_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = an_archive(tmp_path / "bomb.tar.gz", [("zeros", bytes(40 * 2**20))])
    assert path.stat().st_size < 2**20
    with pytest.raises(BundleTooLarge):
        bundle.unpack(path, tmp_path / "into", bytes_max=10 * 2**20)
    assert not (tmp_path / "into").exists()


def test_a_bomb_behind_the_end_of_the_archive_is_refused(tmp_path: Path) -> None:
    path = raw_archive(tmp_path / "bomb.tar.gz", bytes(20 * 2**20))
    with pytest.raises(BundleTooLarge):
        bundle.check(path, bytes_max=2**20, files_max=10)


def test_a_bomb_by_count_is_refused(tmp_path: Path) -> None:
    path = an_archive(tmp_path / "many.tar.gz", [(f"{number}", b"") for number in range(101)])
    bundle.check(path, files_max=101)
    with pytest.raises(BundleTooLarge):
        bundle.check(path, files_max=100)


def test_folders_that_are_only_implied_count_too(tmp_path: Path) -> None:
    path = an_archive(tmp_path / "deep.tar.gz", [(f"{number}/a/b/c", b"") for number in range(30)])
    with pytest.raises(BundleTooLarge):
        bundle.check(path, files_max=100)


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    entry = an_entry("sparse")
    entry.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": str(2**40),
        "GNU.sparse.map": f"{2**40 - 1},1",
    }
    path = an_archive(tmp_path / "sparse.tar.gz", [entry])
    with pytest.raises(BundleUnsafe, match="claims a size"):
        bundle.check(path)


def an_old_sparse_header() -> bytes:
    entry = an_entry("sparse", kind=tarfile.GNUTYPE_SPARSE)
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def a_chain_of_headers() -> bytes:
    header = tarfile.TarInfo("././@LongLink")
    header.type = tarfile.GNUTYPE_LONGNAME
    header.size = 2
    return (header.tobuf(tarfile.GNU_FORMAT) + b"a\0".ljust(512, b"\0")) * 3_000 + bytes(1024)


def an_absurd_header() -> bytes:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type = tarfile.XHDTYPE
    header.size = 8 * 2**20
    return header.tobuf(tarfile.GNU_FORMAT) + bytes(9 * 2**20)


def a_backward_header() -> bytes:
    entry = an_entry("back")
    entry.size = -1024
    return an_entry("first").tobuf() + entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def a_folder_with_content() -> bytes:
    entry = an_entry("folder", kind=tarfile.DIRTYPE)
    entry.size = 512
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


def half_an_archive() -> bytes:
    entry = an_entry("file")
    entry.size = 4096
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(100)


@pytest.mark.parametrize(
    "blocks",
    [
        an_old_sparse_header,
        a_chain_of_headers,
        an_absurd_header,
        a_backward_header,
        a_folder_with_content,
        half_an_archive,
    ],
)
def test_a_malformed_archive_is_refused(tmp_path: Path, blocks: Callable[[], bytes]) -> None:
    path = raw_archive(tmp_path / "hostile.tar.gz", blocks())
    with pytest.raises(BundleUnsafe):
        bundle.unpack(path, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def test_something_else_than_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.tar.gz"
    path.write_text("hello, this is no archive\n" * 100)
    with pytest.raises(BundleUnsafe, match=r"no whole tar\.gz"):
        bundle.check(path)
    bundle_path = an_archive(tmp_path / "whole.tar.gz", [("a", os.urandom(100_000))])
    content = bundle_path.read_bytes()
    path.write_bytes(content[:-20_000])
    with pytest.raises(BundleUnsafe):
        bundle.check(path)
    path.write_bytes(content[:5_000] + b"x" + content[5_001:])
    with pytest.raises(BundleUnsafe):
        bundle.check(path)


def test_dangerous_modes_are_dropped(tmp_path: Path) -> None:
    entry = an_entry("tool")
    entry.mode = 0o6777
    path = an_archive(tmp_path / "modes.tar.gz", [entry])
    bundle.unpack(path, tmp_path / "into")
    assert (tmp_path / "into" / "tool").stat().st_mode & 0o7777 == 0o755


def test_an_ordinary_archive_of_tar_is_accepted(tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree")
    with tarfile.open(tmp_path / "plain.tar.gz", "w:gz", format=tarfile.GNU_FORMAT) as archive:
        archive.add(tree, arcname=".")
    bundle.unpack(tmp_path / "plain.tar.gz", tmp_path / "into")
    assert contents(tmp_path / "into") == contents(tree)


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    path = an_archive(tmp_path / "a.tar.gz", [("folder/small", b"x"), ("large", bytes(2**21))])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        with pytest.raises(StorageUnavailable, match="Can't unpack"):
            bundle.unpack(path, tmp_path / "into")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert contents(tmp_path / "into") == {}


def test_a_folder_in_use_is_not_unpacked_into(tmp_path: Path) -> None:
    path = an_archive(tmp_path / "a.tar.gz", [("a", b"x")])
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "mine").write_text("keep")
    with pytest.raises(StateConflict):
        bundle.unpack(path, tmp_path / "into")
    assert contents(tmp_path / "into") == {"mine": "644 keep"}

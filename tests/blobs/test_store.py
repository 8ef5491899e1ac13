"""The store: content by hash, whole or not at all, in a local folder or over S3's protocol."""

import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mains.blobs import Store
from mains.errors import (
    BundleTooLarge,
    NotFound,
    RequestInvalid,
    StorageUnavailable,
    StoreCorrupt,
)
from tests.blobs.s3 import Bucket, a_bucket

pytestmark = pytest.mark.anyio

MEBIBYTE = 2**20


async def parts(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def a_breaking_stream() -> AsyncIterator[bytes]:
    yield b"half of "
    raise ConnectionResetError("the client went away")


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def read(store: Store, digest: str) -> bytes:
    return b"".join([chunk async for chunk in await store.get(digest)])


def damage(folder: Path) -> None:
    """Change the content of the only blob below folder."""
    (blob,) = (path for path in folder.rglob("*") if path.is_file())
    blob.write_bytes(b"x" * blob.stat().st_size)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_what_was_put_is_got_by_its_hash(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "blobs")
    stored = await store.put(parts(b"one ", b"", b"two"), expected=None, bytes_max=7)
    assert (stored.sha256, stored.size_bytes) == (sha256(b"one two"), 7)
    assert await read(store, stored.sha256) == b"one two"
    assert await store.has(stored.sha256)
    assert await store.size(stored.sha256) == 7
    digits = stored.sha256.removeprefix("sha256:")
    assert files(tmp_path / "blobs") == [f"{digits[:2]}/{digits[2:]}"]
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with a_bucket() as bucket:
        monkeypatch.setenv("AWS_ENDPOINT", bucket.url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "any")
        yield bucket


async def test_a_store_over_s3_behaves_the_same(bucket: Bucket) -> None:
    store = Store.open("s3://city/blobs")
    small = await store.put(parts(b"one"), expected=sha256(b"one"), bytes_max=10)
    content = os.urandom(MEBIBYTE) * 20
    large = await store.put(parts(content), expected=None, bytes_max=len(content))
    assert await read(store, small.sha256) == b"one"
    assert await read(store, large.sha256) == content
    assert await store.size(large.sha256) == len(content)
    with pytest.raises(RequestInvalid):
        await store.put(parts(b"two"), expected=sha256(b"one"), bytes_max=10)
    with pytest.raises(BundleTooLarge):
        await store.put(parts(content), expected=None, bytes_max=10)
    digits = small.sha256.removeprefix("sha256:")
    assert f"blobs/{digits[:2]}/{digits[2:]}" in bucket.objects
    assert len(bucket.objects) == 2
    assert bucket.uploads == {}
    await store.delete(small.sha256)
    assert not await store.has(small.sha256)
    with pytest.raises(NotFound):
        await store.get(small.sha256)


async def test_what_interrupted_puts_left_in_s3_is_swept(bucket: Bucket) -> None:
    store = Store.open("s3://city/blobs")
    stored = await store.put(parts(b"kept"), expected=None, bytes_max=10)
    bucket.objects["blobs/incoming/left"] = b"half"
    assert await store.sweep(before=datetime(2026, 1, 5, tzinfo=UTC)) == 0
    assert await store.sweep(before=datetime(2026, 1, 6, tzinfo=UTC)) == 1
    assert await store.has(stored.sha256)


async def test_a_store_that_refuses_us_is_unavailable(bucket: Bucket) -> None:
    store = Store.open("s3://city/blobs")
    stored = await store.put(parts(b"kept"), expected=None, bytes_max=10)
    bucket.failing = True
    with pytest.raises(StorageUnavailable):
        await store.put(parts(b"new"), expected=None, bytes_max=10)
    with pytest.raises(StorageUnavailable):
        await store.get(stored.sha256)
    with pytest.raises(StorageUnavailable):
        await store.has(stored.sha256)
    with pytest.raises(StorageUnavailable):
        await store.delete(stored.sha256)
    with pytest.raises(StorageUnavailable):
        await store.sweep(before=datetime.now(UTC))


async def test_nothing_is_a_blob_too(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    stored = await store.put(parts(), expected=sha256(b""), bytes_max=0)
    assert stored.size_bytes == 0
    assert await read(store, stored.sha256) == b""


async def test_a_large_blob_passes_in_parts(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    content = os.urandom(MEBIBYTE) * 20
    pieces = [content[start : start + MEBIBYTE] for start in range(0, len(content), MEBIBYTE)]
    stored = await store.put(parts(*pieces), expected=sha256(content), bytes_max=len(content))
    assert stored.size_bytes == 20 * MEBIBYTE
    chunks = [len(chunk) async for chunk in await store.get(stored.sha256)]
    assert sum(chunks) == 20 * MEBIBYTE
    assert max(chunks) <= 16 * MEBIBYTE


async def test_putting_again_changes_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    first = await store.put(parts(b"same"), expected=None, bytes_max=10)
    second = await store.put(parts(b"sa", b"me"), expected=first.sha256, bytes_max=10)
    assert first == second
    assert len(files(tmp_path)) == 1


async def test_another_content_than_expected_is_not_kept(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with pytest.raises(RequestInvalid, match="has the hash"):
        await store.put(parts(b"damaged"), expected=sha256(b"whole"), bytes_max=10)
    assert files(tmp_path) == []
    assert not await store.has(sha256(b"damaged"))


async def test_too_large_a_stream_is_not_kept_nor_read_to_its_end(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield bytes(1000)

    with pytest.raises(BundleTooLarge):
        await store.put(endless(), expected=None, bytes_max=5000)
    assert given == 6
    assert files(tmp_path) == []


async def test_a_stream_that_breaks_off_is_not_kept(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with pytest.raises(ConnectionResetError):
        await store.put(a_breaking_stream(), expected=None, bytes_max=100)
    assert files(tmp_path) == []


async def test_an_unknown_blob_is_not_found(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    unknown = sha256(b"unknown")
    assert not await store.has(unknown)
    with pytest.raises(NotFound):
        await store.get(unknown)
    with pytest.raises(NotFound):
        await store.size(unknown)
    await store.delete(unknown)


@pytest.mark.parametrize("name", ["", "sha256:12", "md5:" + "0" * 64, "sha256:../../etc/passwd"])
async def test_only_a_hash_names_a_blob(tmp_path: Path, name: str) -> None:
    store = Store.open(tmp_path)
    with pytest.raises(RequestInvalid):
        await store.get(name)
    with pytest.raises(RequestInvalid):
        await store.put(parts(b"x"), expected=name, bytes_max=10)


async def test_a_deleted_blob_is_gone(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    stored = await store.put(parts(b"short-lived"), expected=None, bytes_max=100)
    await store.delete(stored.sha256)
    assert not await store.has(stored.sha256)


async def test_a_blob_that_rotted_is_noticed(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    stored = await store.put(parts(b"precious"), expected=None, bytes_max=100)
    damage(tmp_path)
    with pytest.raises(StoreCorrupt):
        await read(store, stored.sha256)


async def test_what_interrupted_puts_left_is_swept(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    stored = await store.put(parts(b"kept"), expected=None, bytes_max=100)
    incoming = tmp_path / "incoming"
    incoming.mkdir(exist_ok=True)
    yesterday = time.time() - 86_400
    for name in ("left", "left-part#1"):
        (incoming / name).write_text("x")
        os.utime(incoming / name, (yesterday, yesterday))
    (incoming / "running#1").write_text("x")
    assert await store.sweep(before=datetime.now(UTC) - timedelta(hours=1)) == 2
    assert [path.name for path in incoming.iterdir()] == ["running#1"]
    assert await store.has(stored.sha256)


async def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o751)
    Store.open(folder)
    assert folder.stat().st_mode & 0o777 == 0o751


def test_a_store_needs_a_usable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageUnavailable):
        Store.open(tmp_path / "file" / "blobs")
    with pytest.raises(RequestInvalid):
        Store.open("nonsense://host/path")

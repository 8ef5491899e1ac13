"""Artefacts: content by hash, and never outside the folder that was named."""

from pathlib import Path

import pytest

from mains.cli.artefacts import inside
from mains.cli.contexts import Context
from mains.errors import BundleUnsafe
from mains.ids import new_id
from tests.cli.city import City, an_artefact, sha256
from tests.cli.conftest import Mains

MODEL = b"weights" * 1000


def left(city: City, *artefacts: tuple[str, bytes, int]) -> None:
    """Make a job that left these (path, content, task)."""
    views = [an_artefact(path, content, task=task) for path, content, task in artefacts]
    city.add_job(new_id(), quote_id=new_id(), artefacts=views, tasks=len(artefacts))
    city.blobs |= {sha256(content): content for _, content, _ in artefacts}


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_one_artefact_is_fetched_by_path_or_by_hash(
    mains: Mains, logged_in: Context, city: City, to: Path
) -> None:
    left(city, ("out/model.bin", MODEL, 0), ("accuracy.json", b"{}", 0))

    assert mains("artefact", "get", "last", "out/model.bin", "--to", str(to)).code == 0
    assert mains("artefact", "get", "last", sha256(b"{}"), "--to", str(to)).code == 0

    assert (to / "out" / "model.bin").read_bytes() == MODEL
    assert (to / "accuracy.json").read_bytes() == b"{}"
    assert sorted(path.name for path in to.rglob("*") if path.is_file()) == [
        "accuracy.json",
        "model.bin",
    ]


def test_content_with_another_hash_leaves_nothing_behind(
    mains: Mains, logged_in: Context, city: City, to: Path
) -> None:
    left(city, ("model.bin", MODEL, 0))
    for wrong in (MODEL.replace(b"w", b"W"), MODEL[:-1], MODEL + b"more"):
        city.blobs[sha256(MODEL)] = wrong
        ran = mains("artefact", "get", "last", "model.bin", "--to", str(to))
        assert ran.code == 1
        assert "error [store_corrupt]" in ran.err
        assert list(to.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["../escaped", "a/../../escaped", "/etc/escaped", "..", "", "a\0b"]
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(BundleUnsafe):
        inside(tmp_path / "target", path)


def test_a_servers_hostile_path_writes_nothing(
    mains: Mains, logged_in: Context, city: City, tmp_path: Path, to: Path
) -> None:
    left(city, ("../../escaped", MODEL, 0))
    ran = mains("artefact", "get", "last", "--to", str(to))
    assert ran.code == 2
    assert "error [bundle_unsafe]" in ran.err
    assert not list(tmp_path.rglob("*escaped*"))


def test_a_link_in_the_target_leads_no_artefact_out(
    mains: Mains, logged_in: Context, city: City, tmp_path: Path, to: Path
) -> None:
    left(city, ("link/model.bin", MODEL, 0))
    to.mkdir()
    (tmp_path / "outside").mkdir()
    (to / "link").symlink_to(tmp_path / "outside")

    assert mains("artefact", "get", "last", "--to", str(to)).code == 2
    assert list((tmp_path / "outside").iterdir()) == []


def test_other_content_stays_unless_forced_and_the_same_is_left_alone(
    mains: Mains, logged_in: Context, city: City, tmp_path: Path, to: Path
) -> None:
    left(city, ("model.bin", MODEL, 0))
    to.mkdir()
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (to / "model.bin").symlink_to(victim)
    get = ("artefact", "get", "last", "model.bin", "--to", str(to))

    assert mains(*get).code == 5
    assert mains(*get, "--force").code == 0
    assert victim.read_bytes() == b"precious"
    assert (to / "model.bin").read_bytes() == MODEL
    assert mains(*get).code == 0
    assert sum(each.startswith("GET /v1/blobs") for each in city.asked) == 1


def test_an_arrays_artefacts_go_into_a_folder_per_task(
    mains: Mains, logged_in: Context, city: City, to: Path
) -> None:
    left(city, ("result", b"0", 0), ("result", b"1", 1))

    assert mains("artefact", "get", "last", "result", "--to", str(to)).code == 2
    assert mains("artefact", "get", "last", "result", "--task", "1", "--to", str(to)).code == 0
    assert (to / "result").read_bytes() == b"1"
    ran = mains("artefact", "get", "last", "--to", str(to), "--json")

    assert [each["sha256"] for each in ran.json] == [sha256(b"0"), sha256(b"1")]
    assert (to / "task-1" / "result").read_bytes() == b"1"


def test_artefacts_are_listed_with_their_hashes(
    mains: Mains, logged_in: Context, city: City
) -> None:
    left(city, ("model.bin", MODEL, 0))
    assert sha256(MODEL) in mains("artefact", "list", "last").out
    assert mains("artefact", "list", "last", "--json").json[0]["path"] == "model.bin"
    assert mains("artefact", "get", "last", "other").code == 4

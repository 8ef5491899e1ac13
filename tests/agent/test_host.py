"""What agents of one host take of it: never more than there is, never the same users."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mains.agent.host import UID_BASE, UID_END, HostRegistry
from mains.errors import QuotaExceeded, StoreCorrupt


def agents(tmp_path: Path, count: int) -> list[Path]:
    folders = [tmp_path / f"site{number}" for number in range(count)]
    for folder in folders:
        folder.mkdir()
    return folders


def test_shares_of_all_agents_sum_to_the_whole_host_at_most(tmp_path: Path) -> None:
    registry = HostRegistry(tmp_path / "host")
    one, two = agents(tmp_path, 2)
    registry.claim_shares(one, {"cpu": 30, "gpu": 20})
    registry.claim_shares(two, {"cpu": 50})

    with pytest.raises(QuotaExceeded, match=r"51 % of the host, and 50 %") as refused:
        registry.claim_shares(two, {"cpu": 51})
    registry.claim_shares(one, {"cpu": 10})
    registry.claim_shares(two, {"cpu": 90})

    assert str(one) in refused.value.hint


def test_an_agent_whose_folder_is_gone_takes_nothing(tmp_path: Path) -> None:
    registry = HostRegistry(tmp_path / "host")
    one, two = agents(tmp_path, 2)
    registry.claim_shares(one, {"cpu": 100})
    first = registry.claim_uids(one, count=8)
    shutil.rmtree(one)

    registry.claim_shares(two, {"cpu": 100})

    assert registry.claim_uids(two, count=8) == first


def test_a_released_agent_takes_nothing(tmp_path: Path) -> None:
    registry = HostRegistry(tmp_path / "host")
    one, two = agents(tmp_path, 2)
    registry.claim_shares(one, {"cpu": 100})
    registry.release(one)

    registry.claim_shares(two, {"cpu": 100})


def test_agents_that_ask_at_once_get_users_of_their_own(tmp_path: Path) -> None:
    folders = agents(tmp_path, 12)

    def claim(folder: Path) -> int:
        return HostRegistry(tmp_path / "host").claim_uids(folder, count=16)

    with ThreadPoolExecutor(6) as pool:
        bases = list(pool.map(claim, folders))
        again = list(pool.map(claim, folders))

    assert again == bases
    assert sorted(bases) == [UID_BASE + 16 * number for number in range(12)]


def test_a_gap_that_is_wide_enough_is_used_again(tmp_path: Path) -> None:
    registry = HostRegistry(tmp_path / "host")
    one, two, three, four = agents(tmp_path, 4)
    bases = [registry.claim_uids(folder, count=10) for folder in (one, two, three)]
    registry.release(two)

    assert registry.claim_uids(four, count=11) == bases[2] + 10
    assert registry.claim_uids(four, count=10) == bases[1]


def test_a_host_without_users_left_says_so(tmp_path: Path) -> None:
    registry = HostRegistry(tmp_path / "host")
    one, two = agents(tmp_path, 2)
    registry.claim_uids(one, count=UID_END - UID_BASE)

    with pytest.raises(QuotaExceeded, match="no 1 user ids left"):
        registry.claim_uids(two, count=1)


def test_a_damaged_registry_is_named(tmp_path: Path) -> None:
    registry = HostRegistry(tmp_path / "host")
    [one] = agents(tmp_path, 1)
    registry.claim_uids(one, count=1)
    (tmp_path / "host" / "agents.json").write_text("{")

    with pytest.raises(StoreCorrupt, match="damaged"):
        registry.claim_uids(one, count=1)

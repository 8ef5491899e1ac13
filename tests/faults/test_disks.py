"""Disks that are full and that fail, for real, in a mount namespace of their own."""

import os
import shutil

import pytest
from faults.campaign import Broken, Share

from faults import disks

SEED = 6
ROOT = os.geteuid() == 0 and shutil.which("unshare") is not None


def test_nothing_that_was_acknowledged_is_lost_on_bad_disks() -> None:
    if not ROOT:
        assert disks.run(Share(1, 8), SEED) == {"not run: needs root and unshare": 20}
        return
    counts = disks.apart(fills=2, failures=2, seed=SEED)
    assert counts["jobs"] and counts["bundles"]
    assert sum(counts.get(f"full: {disk}", 0) for disk in disks.DISKS) == 2


def test_a_blob_that_a_disk_damaged_is_found() -> None:
    if ROOT:
        with pytest.raises(Broken, match="not the content"):
            disks.apart(fills=1, failures=0, seed=SEED, planted=True)

"""A database put back from a base backup: made beside, brought to its moment, and then renamed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from mains.db import base_backup
from mains.db.account import Account
from mains.db.cluster import APPLICATION, OWNER, Cluster, Layout
from mains.db.embedded import Endpoints
from mains.db.folders import PRIVATE, PUBLIC, check_reachable, make_folder, sync_folder
from mains.db.lock import InstanceLock
from mains.db.process import end, postmaster
from mains.db.recovery import Recovery
from mains.errors import AlreadyExists
from mains.settings import Settings

RESTORED: Final = "data.restored"
SET_ASIDE: Final = "data.before"


@contextmanager
def restoring(
    settings: Settings,
    base: Path,
    recovery: Recovery,
    *,
    replace: bool,
    now: datetime,
    durable: bool = True,
) -> Iterator[Endpoints]:
    """Give the restored database while it is still beside; it takes its place when all went well.

    Whatever fails leaves the instance as it was. The database that is there is refused, or set
    aside with `replace`, never removed. `durable=False` is for tests alone. Raises AlreadyRunning,
    AlreadyExists, and as `Cluster.recover`.
    """
    layout, account = Layout(settings), Account.current()
    make_folder(layout.folder, mode=PUBLIC if account.switches else PRIVATE)
    make_folder(settings.home, mode=PRIVATE)
    data = layout.data
    lock = InstanceLock.take(layout.lock)
    try:
        if data.exists() and not replace:
            raise AlreadyExists(
                f"There is a database in {data} already.",
                hint="Restore into another MAINS_HOME, or tell `--replace`: then it is set aside.",
            )
        layout.data = data.with_name(RESTORED)
        _end_left_over(data, layout.data)
        check_reachable(layout.data, account)
        base_backup.place(base, layout.data, account)
        cluster = Cluster(layout, account, durable=durable)
        try:
            cluster.recover(recovery)
            yield Endpoints(cluster.url(APPLICATION), cluster.url(OWNER))
        except BaseException:
            cluster.stop()
            shutil.rmtree(layout.data, ignore_errors=True)
            raise
        cluster.stop()
        if data.exists():
            data.rename(data.with_name(f"{SET_ASIDE}-{now:%Y%m%dT%H%M%SZ}"))
        layout.data.rename(data)
        sync_folder(layout.folder)
    finally:
        lock.release()


def _end_left_over(*folders: Path) -> None:
    """End servers of a mains, or of a restore, that was killed: both use the same socket."""
    for data in folders:
        if (left := postmaster(data)) is not None:
            end(left)

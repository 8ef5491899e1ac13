"""Run by tests as some user: copy a database while it runs, and restore it elsewhere."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from mains.db import base_backup, embedded
from mains.db.recovery import Recovery
from mains.db.restoring import restoring
from mains.settings import Settings


def main() -> None:
    settings = Settings.from_environment()
    root = settings.home.parent
    # Where root's Postgres, which is another user's, may write too.
    archive = (settings.commons if settings.commons != settings.home else root) / "archive"
    settings = replace(settings, wal_archive=archive)
    server = embedded.start(settings, durable=False)
    with psycopg.connect(str(server.endpoints.owner_url), autocommit=True) as connection:
        connection.execute("CREATE TABLE public.numbers AS SELECT 1 AS number")
        taken = base_backup.take(settings, root / "it's a backup")
        connection.execute("INSERT INTO public.numbers VALUES (2)")
    server.stop()
    again = Settings(home=root / "again", commons=settings.commons / "again")
    recovery = Recovery(archive / str(taken.archive), to_end=True)
    now = datetime.now(UTC)
    with (
        restoring(again, root / "it's a backup", recovery, replace=False, now=now) as endpoints,
        psycopg.connect(str(endpoints.owner_url)) as connection,
    ):
        rows = connection.execute("SELECT number FROM public.numbers ORDER BY 1").fetchall()
    owners = {path.stat().st_uid for path in Path(again.commons, "postgres", "data").iterdir()}
    print(json.dumps({"numbers": [number for (number,) in rows], "owners": sorted(owners)}))


if __name__ == "__main__":
    main()

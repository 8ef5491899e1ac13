"""A given database as one file, by pg_dump; the password never stands in a command."""

import tempfile
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mains.db.base_backup import run_tool
from mains.db.folders import write_file
from mains.errors import DatabaseUnavailable


def dump(owner_url: str, into: Path) -> None:
    """Write all of a database, from one snapshot, as `pg_restore` reads it.

    Raises DatabaseUnavailable, with what pg_dump said.
    """
    facts = conninfo_to_dict(owner_url)
    password = facts.pop("password", None)
    with tempfile.TemporaryDirectory(prefix="mains-backup-") as folder:
        if password:
            passfile = Path(folder) / "password"
            escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
            write_file(passfile, f"*:*:*:*:{escaped}\n", mode=0o600)
            facts["passfile"] = str(passfile)
        where = make_conninfo("", **facts)
        said = run_tool("pg_dump", "--format=custom", f"--file={into}", f"--dbname={where}")
    if said:
        raise DatabaseUnavailable(
            f"The database was not dumped: {said}",
            hint="pg_dump has to be as new as the server; your own backups are the other way.",
        )

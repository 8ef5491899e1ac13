"""The schema as one file, dumped from a freshly migrated database; `--check` compares it.

python -m mains.db.dump             writes src/mains/db/schema.sql
python -m mains.db.dump --check     fails with the difference when it is out of date
"""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mains.db import embedded
from mains.db.account import Account
from mains.db.binaries import Binaries
from mains.db.migrations import migrate
from mains.errors import SetupMissing

SCHEMA_FILE: Final = Path(__file__).with_name("schema.sql")
DUMP_SECONDS_MAX: Final = 60
HEADER: Final = """\
-- What all migrations together make; written by `python -m mains.db.dump`, for reading.
-- The checks compare it with a freshly migrated database.
"""
_NOISE: Final = ("--", "SET ", "SELECT pg_catalog.set_config", "\\restrict", "\\unrestrict")


def schema() -> str:
    """Return the schema of a freshly migrated database, without what varies between runs."""
    with embedded.throw_away() as server:
        owner_url = server.endpoints.owner_url
        assert owner_url is not None
        migrate(owner_url)
        return HEADER + normalised(_dump(owner_url))


def normalised(dump: str) -> str:
    """Drop pg_dump's comments, session settings and repeated blank lines.

    A function's body keeps its own comments: only lines outside of a quoted body are dropped.
    """
    lines: list[str] = []
    quote: str | None = None
    for line in dump.splitlines():
        if quote is None and (line.startswith(_NOISE) or (not line and lines[-1:] in ([], [""]))):
            continue
        lines.append(line)
        quote = _quote_after(line, quote)
    return "\n".join(lines).strip() + "\n"


def main(arguments: Sequence[str]) -> int:
    made = schema()
    if "--check" not in arguments:
        SCHEMA_FILE.write_text(made, "utf-8")
        return 0
    kept = SCHEMA_FILE.read_text("utf-8") if SCHEMA_FILE.exists() else ""
    if kept == made:
        return 0
    difference = difflib.unified_diff(
        kept.splitlines(), made.splitlines(), "schema.sql", "migrations", lineterm="", n=2
    )
    print("\n".join(difference))
    print("\nschema.sql is out of date; run: python -m mains.db.dump")
    return 1


def _dump(url: str) -> str:
    account = Account.current()
    binaries = Binaries.for_account(account)
    command: list[str | Path] = [binaries.program("pg_dump"), "--schema-only", "--no-owner"]
    command += [f"--dbname={_with_password(url)}"]
    done = account.run(command, folder=binaries.folder, seconds_max=DUMP_SECONDS_MAX)
    if done.returncode != 0:
        raise SetupMissing(f"pg_dump failed: {done.stdout[-1000:]}")
    return done.stdout


def _with_password(url: str) -> str:
    """Return a throw-away server's address for its own user, who can't read our password files."""
    passfile = Path(str(conninfo_to_dict(url)["passfile"]))
    password = passfile.read_text("utf-8").strip().rpartition(":")[2]
    return make_conninfo(url, password=password)


def _quote_after(line: str, quote: str | None) -> str | None:
    """Return the dollar quote that is open after a line, given the one open before it."""
    if quote is not None:
        return None if quote in line else quote
    for mark in ("$_$", "$$"):
        if line.count(mark) == 1:
            return mark
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Secrets that wait for their jobs, brought under the key of now."""

from typing import Final

from mains.db import Queries, Transaction
from mains.jobs.secrets import HEAD_BYTES, SecretBox, head, version_of

QUERIES: Final = Queries.load(__package__, "secrets.sql")
BATCH_MAX: Final = 500


async def reseal(tx: Transaction, box: SecretBox) -> int:
    """Seal what is under an older key under the newest one, 500 at most; return how many.

    What another transaction holds is passed over: it is found the next time.
    """
    version, _ = box.newest
    asked = {"head": head(version), "limit": BATCH_MAX}
    rows = await (await tx.execute(QUERIES["lock_sealed_otherwise"], asked)).fetchall()
    if rows:
        plain = [box.open(bytes(row["secrets"]), job_id=row["id"]) for row in rows]
        sealed = [box.seal(each, job_id=row["id"]) for each, row in zip(plain, rows, strict=True)]
        told = {"ids": [row["id"] for row in rows], "secrets": sealed}
        await tx.execute(QUERIES["seal_anew"], told)
    return len(rows)


async def sealed_under(tx: Transaction) -> dict[int, int]:
    """Return how many jobs have secrets under each version of the key."""
    rows = await tx.execute(QUERIES["count_sealed"], {"head_bytes": HEAD_BYTES})
    counts: dict[int, int] = {}
    for row in await rows.fetchall():
        version = version_of(bytes(row["head"]))
        counts[version] = counts.get(version, 0) + row["jobs"]
    return counts

"""The pool: transactions commit whole or not at all, and faults say what may have happened."""

import pytest

from mains.db import Database

pytestmark = pytest.mark.anyio


async def test_a_transaction_reads_rows_as_dictionaries(database: Database) -> None:
    async with database.transaction() as transaction:
        row = await (await transaction.execute("SELECT 1 AS one")).fetchone()
    assert row == {"one": 1}

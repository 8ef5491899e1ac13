"""The database splits exactly as the rules do, up to the largest amounts."""

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.test_rules import Case, cases


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(cases(), min_size=1, max_size=40))
def test_the_database_splits_as_the_rules_do(app_url: str, batch: list[Case]) -> None:
    with psycopg.connect(app_url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "SELECT ledger.split(%s::bigint, %s::integer[], %s::bigint[], %s::ledger.payer_mode)",
            [
                (case.cost, list(case.rates_bps), [case.own_ceiling, *case.ceilings], case.mode)
                for case in batch
            ],
            returning=True,
        )
        for case in batch:
            row = cursor.fetchone()
            assert row is not None
            shares = case.shares()
            assert row[0] == [shares.own, *shares.public], case
            cursor.nextset()

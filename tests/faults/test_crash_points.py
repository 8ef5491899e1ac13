"""Where statements begin, and that a backend which dies before one leaves nothing half-done."""

from faults.crash_points import crash_at
from faults.instruments import CRASHES, instrument, starts
from faults.stores import Store

from tests.conftest import Cluster

BODY = """
DECLARE
    some bigint := 1;
BEGIN
    IF some = 1 THEN
        some := CASE WHEN true THEN 2 ELSE 3 END;
    ELSE
        PERFORM 1;
    END IF;
    FOR i IN 1 .. 2 LOOP
        some := i;
    END LOOP;
    RAISE EXCEPTION 'no';
END
"""
SEED = 9


def test_a_statement_begins_behind_each_other_and_no_expression_is_one() -> None:
    begun = [BODY[at:].split()[0] for at in starts(BODY)]
    assert begun == ["IF", "some", "PERFORM", "FOR", "some", "END"]


def test_callers_ask_again_when_a_backend_has_died(cluster: Cluster, database_name: str) -> None:
    store = Store(
        cluster.app_url(database_name),
        cluster.owner_url(database_name),
        cluster.superuser_url("postgres"),
    )
    store.add_witness()
    points = instrument(store, CRASHES)
    posting = next(point for point in points if point.function == "post")
    crashed, operations = crash_at(store, posting, SEED)
    assert crashed
    assert operations >= 80
    store.check_invariants(("ledger",))

"""Five real articles, figure by figure: every relation between their figures, and no other.

The files hold where each figure stands, what it means and the digits it is written with; no text.
"""

import json
from pathlib import Path

from mains.reports.reconcile.edges import edges
from mains.reports.values import Bound, Claim, EdgeKind, Modality, Status

HERE = Path(__file__).parent
DIRECTED = {EdgeKind.REFINES, EdgeKind.UPDATE, EdgeKind.CONVERSION, EdgeKind.HEADLINE_DRIFT}


def the_claims() -> list[Claim]:
    found = []
    for line in (HERE / "seeds_claims.jsonl").read_text("utf-8").splitlines():
        identity, start, end, digits, subject, measure, scope, value, unit, *more = json.loads(line)
        bound, modality, period, pair = more
        found.append(
            Claim(
                id=identity,
                doc=identity.partition("-")[0],
                start=start,
                end=end,
                quote=digits,
                subject=subject,
                measure=measure,
                scope=scope,
                value=value,
                unit=unit,
                bound=Bound(bound),
                modality=Modality(modality),
                period=period,
                speaker=None,
                pair=pair,
                status=Status.ACCEPTED,
            )
        )
    return found


def put_in_order(a: str, b: str, kind: EdgeKind) -> tuple[str, str, EdgeKind]:
    return (a, b, kind) if kind in DIRECTED else (min(a, b), max(a, b), kind)


def test_every_relation_of_the_articles_is_found_and_no_other() -> None:
    lines = (HERE / "seeds_edges.jsonl").read_text("utf-8").splitlines()
    known = {put_in_order(a, b, EdgeKind(kind)) for a, b, kind in map(json.loads, lines)}
    found = {put_in_order(each.a, each.b, each.relation) for each in edges(the_claims(), {})}
    assert found == known
    assert len(known) == 64

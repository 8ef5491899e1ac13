"""What a time line draws of claims: bounds as bounds, ranges as bars, no invented dates."""

from dataclasses import replace
from datetime import UTC, datetime

from mains.console.catalogue import catalogues
from mains.console.figures import Figures
from mains.console.timeline import SCOPES_MAX, charts
from mains.reports.public import Shown
from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.values import Bound, Claim, Modality, Status

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIGURES = Figures(catalogues()["en"])


def shown(
    claim_id: str,
    value: str,
    *,
    bound: Bound = Bound.EXACT,
    period: str | None = "2025",
    unit: str = "count",
    scope: str | None = None,
    modality: Modality = Modality.OBSERVED,
    sentence: int = 0,
) -> Shown:
    claim = Claim(
        id=claim_id,
        doc="d1",
        start=sentence,
        end=sentence + 3,
        quote="183",
        subject="city:beijing",
        measure="registered_models",
        scope=scope,
        value=value,
        unit=unit,
        bound=bound,
        modality=modality,
        period=period,
        speaker=None,
        pair=None,
        status=Status.ACCEPTED,
    )
    return Shown(
        claim=claim,
        sentence="183",
        mark_start=0,
        mark_end=3,
        reviewed=False,
        copies=0,
        edges=0,
        document="a.txt",
        title=None,
        publisher="Gazette",
        published=None,
        url=None,
        facts=DocumentFacts(doc="d1"),
        characters=3,
        opened_sha256="",
        sha256="",
        filed_at=NOW,
    )


def test_a_claim_stands_at_its_period_and_one_without_stands_apart() -> None:
    [chart] = charts([shown("a", "183"), shown("b", "190", period=None, sentence=9)], FIGURES)
    dated, undated = chart.marks
    assert (dated.first, dated.last) == ("2025-01-01", "2025-12-31")
    assert (undated.first, undated.last) == (None, None)
    assert chart.undated == 1
    assert chart.spans


def test_the_two_ends_of_a_range_are_one_bar() -> None:
    low = shown("low", "350", bound=Bound.AT_LEAST)
    high = shown("high", "400", bound=Bound.AT_MOST)
    [chart] = charts([high, low], FIGURES)
    [bar] = chart.marks
    assert (bar.value, bar.high, bar.bound) == (350.0, 400.0, "range")
    assert bar.label == "350\N{EN DASH}400"
    assert chart.bounds == ["range"]


def test_bounds_of_different_sentences_are_no_range() -> None:
    low = shown("low", "350", bound=Bound.AT_LEAST)
    high = shown("high", "400", bound=Bound.AT_MOST, sentence=50)
    [chart] = charts([low, high], FIGURES)
    assert [mark.bound for mark in chart.marks] == ["at_least", "at_most"]


def test_units_have_charts_of_their_own_and_a_lone_claim_has_none() -> None:
    money = [shown(f"m{n}", "5", unit="CNY", sentence=n) for n in range(3)]
    counts = [shown(f"c{n}", "5", sentence=10 + n) for n in range(2)]
    lone = [shown("l", "5", unit="USD"), shown("d", "2025-01-01", unit="date"), shown("x", "soon")]
    assert [chart.unit for chart in charts([*counts, *lone, *money], FIGURES)] == ["CNY", "count"]


def test_kinds_and_scopes_are_told_apart_within_bounds() -> None:
    claims = [
        shown(f"s{n}", "5", scope=f"scope {n}", modality=list(Modality)[n % 4], sentence=n)
        for n in range(9)
    ]
    [chart] = charts([*claims, replace(claims[0])], FIGURES)
    assert chart.modalities == ["observed", "estimated", "planned", "target"]
    assert max(mark.scope for mark in chart.marks) == SCOPES_MAX - 1
    assert "scope 3" in chart.marks[3].notes


def test_a_ranking_is_known_as_one() -> None:
    ranks = [shown("a", "1", unit="ordinal"), shown("b", "2", unit="ordinal", sentence=9)]
    [chart] = charts(ranks, FIGURES)
    assert chart.drawing()["ranking"] is True

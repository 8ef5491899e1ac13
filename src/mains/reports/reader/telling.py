"""The time that a document as a whole tells of: of a survey, an index, a quarter, a trading day.

A report on a survey says once when people were asked, and then tells result after result, one
paragraph after the other. So a figure that no period of its own paragraph governs has the time
which the document gave when it first told of the same:

- answers and adoption: the period of the first such figure, if the document is about the survey,
  else the time that stands beside the sample;
- an index and its ranks, results of a company: the period of the first such figure;
- changes of share prices: the day that another one has, else the document's own.

Only the first figure counts: where it has no period, the document leaves the time open. A change
told beside such a figure has its time too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from mains.reports.reader.drafts import Draft
from mains.reports.reader.modality import period_end
from mains.reports.reader.timing import PERIOD_WORDS
from mains.reports.values import Modality, Reason

GROWTH: Final = "growth_rate"
SAMPLE: Final = "survey_sample"
REFERENCE: Final = "reference_period"
SURVEYED: Final = frozenset({"adoption_rate", "survey_share"})
INDEXED: Final = frozenset({"index_level", "rank_index_level"})
EARNED: Final = frozenset({"revenue", "profit"})
TRADED: Final = frozenset({"share_price_change"})
OPEN: Final = frozenset({"period_carried", "period_absent"})
WITHIN_MONTH: Final = re.compile(r"(\d{4}-\d{2})-\d{2}/\1-\d{2}")
SURVEY_LEAST: Final = 0.25
"""A document is about a survey where so many of its claims are answers."""
PART: Final = re.compile(r"\d{4}-[HQ]\d|\d{4}-\d{2}/\d{4}-\d{2}")
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def told(drafts: Sequence[Draft], anchor: str | None) -> list[Draft]:
    """Return the document's claims in their order, with the time that it tells of as a whole."""
    times = (
        _Time(SURVEYED, _surveyed(drafts)),
        _Time(INDEXED, _first(drafts, INDEXED)),
        _Time(EARNED, _first(drafts, EARNED) or _reported(drafts)),
        _Time(TRADED, _traded(drafts) or anchor),
    )
    made: list[Draft] = []
    for draft in drafts:
        made.append(_timed(draft, times, made))
    return made


@dataclass(frozen=True, slots=True)
class _Time:
    measures: frozenset[str]
    period: str | None


def _timed(draft: Draft, times: Iterable[_Time], before: Sequence[Draft]) -> Draft:
    if not _is_open(draft):
        return draft
    period = next((time.period for time in times if draft.measure in time.measures), None)
    if draft.measure == GROWTH and before:
        beside = before[-1]
        if beside.scene is draft.scene and _is_told(beside):
            period = beside.period
    if period is None:
        return draft
    told_by = Reason("period_told", PERIOD_WORDS["told"].format(period=period))
    reasons = tuple(r for r in draft.reasons if not r.code.startswith("period_"))
    return replace(draft, period=period, reasons=(*reasons, told_by))


def _is_open(draft: Draft) -> bool:
    """Whether nothing in its paragraph dates the fact."""
    return (
        draft.period is None
        and not draft.is_titled
        and draft.modality is Modality.OBSERVED
        and any(reason.code in OPEN for reason in draft.reasons)
    )


def _is_told(draft: Draft) -> bool:
    return any(reason.code == "period_told" for reason in draft.reasons)


def _surveyed(drafts: Sequence[Draft]) -> str | None:
    """Return the time of the survey that the document is about, or when its sample was asked."""
    claims = [draft for draft in drafts if not draft.is_neutral]
    answers = [draft for draft in claims if draft.measure in SURVEYED]
    first = _first(drafts, SURVEYED) if len(answers) >= SURVEY_LEAST * len(claims) else None
    return first or _asked(drafts)


def _asked(drafts: Sequence[Draft]) -> str | None:
    """Return the time that is told right beside the sample."""
    for one, other in pairwise(drafts):
        sample, time = (one, other) if one.measure == SAMPLE else (other, one)
        beside = one.scene is other.scene and sample.measure == SAMPLE
        beside = beside and not one.scene.is_between_strong(one.first, other.first)
        if beside and time.measure == REFERENCE and time.value:
            return WITHIN_MONTH.sub(r"\1", time.value)
    return None


def _first(drafts: Sequence[Draft], measures: frozenset[str]) -> str | None:
    """Return the latest period of the paragraph that first tells of these measures.

    Headlines are passed over. A state at a day ("at the end of June") is handed on to nothing.
    """
    facts = [
        draft
        for draft in drafts
        if draft.measure in measures and not draft.is_titled and draft.modality is Modality.OBSERVED
    ]
    paragraph = facts[0].scene.sentence.paragraph if facts else None
    first = [draft for draft in facts if draft.scene.sentence.paragraph == paragraph]
    if not first or first[0].period is None:
        return None
    latest = max(first, key=lambda draft: period_end(draft.period or "0000"))
    points = {mention.period for mention in latest.scene.periods if mention.point}
    return None if latest.period in points else latest.period


def _reported(drafts: Sequence[Draft]) -> str | None:
    """Return the part of a year that is named last before the first result of a company."""
    named = None
    for draft in drafts:
        if draft.measure == REFERENCE and PART.fullmatch(draft.value):
            named = draft.value
        if draft.measure in EARNED and not draft.is_titled:
            return named if draft.period is None else None
    return None


def _traded(drafts: Sequence[Draft]) -> str | None:
    days = [d.period for d in drafts if d.measure in TRADED and DAY.fullmatch(d.period or "")]
    return days[0] if days else None

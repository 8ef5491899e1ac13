"""Periods completed from their context: the year of a date, the day that "last year" counts from.

A document gives its day by its publication date, a dateline or the first full date of its body. A
time relative to another one ("a year earlier") counts from the period named before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from mains.reports.reader.figures import PeriodMention
from mains.reports.reader.modality import modality_at, period_end
from mains.reports.reader.scene import Scene
from mains.reports.values import BlockKind

FULL_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
DATELINE_SENTENCES_MAX: Final = 4
SHIFTED: Final = re.compile(r"\{year([+-]\d+)?\}")
SAME: Final = re.compile(r"same([+-]\d+)")
YEAR_EARLIEST: Final = 1990


class Calendar:
    """The day of a document, and the periods that its sentences have named so far."""

    def __init__(self, scenes: Sequence[Scene], published: str | None) -> None:
        self.anchor = published or _dateline(scenes)
        self._named: str | None = None
        self._latest: int | None = None
        """The latest year of what has been named: an undated day is rarely older."""
        self._paragraph = -1

    @property
    def anchor_year(self) -> int | None:
        """The year of the document's day, if it gives one."""
        return int(self.anchor[:4]) if self.anchor else None

    def complete(self, scene: Scene) -> tuple[PeriodMention, ...]:
        """Return the sentence's periods, completed where context allows; remember the last year."""
        held: list[PeriodMention] = []
        if scene.sentence.paragraph != self._paragraph:
            self._paragraph, self._named = scene.sentence.paragraph, None
        for mention in scene.periods:
            completed = self._completed(scene, mention, held)
            held.append(completed)
            if completed.is_complete and not completed.founded:
                self._named = completed.period
                if not completed.relative and completed.year is not None:
                    self._latest = max(completed.year, self._latest or 0)
        return tuple(held)

    def _completed(
        self, scene: Scene, mention: PeriodMention, held: Iterable[PeriodMention]
    ) -> PeriodMention:
        if mention.period is None:
            period = self._resolved(mention.relative or "", held)
            return mention if period is None else replace(mention, period=period)
        if not mention.is_complete:
            return self._with_year(scene, mention, held)
        return mention

    def _with_year(
        self, scene: Scene, mention: PeriodMention, held: Iterable[PeriodMention]
    ) -> PeriodMention:
        """Return the date in the year named beside it, else in the nearest past or future."""
        years = [m.year for m in held if m.year is not None]
        if years or self.anchor is None:
            year = years[-1] if years else self._year_near(held)
            return mention if year is None else mention.completed(year)
        anchor, year = self.anchor, int(self.anchor[:4])
        ahead = modality_at(scene, mention.first, mention.last) is not None
        options = [int(self._named[:4])] if self._named is not None else []
        options += [year, year + 1] if ahead else [year, year - 1]
        for option in options:
            completed = mention.completed(option)
            end = period_end(completed.period or "")
            if (end >= anchor) if ahead else (end <= anchor):
                return completed
        return mention.completed(year)

    def _resolved(self, how: str, held: Iterable[PeriodMention]) -> str | None:
        same = SAME.fullmatch(how)
        if same is not None:
            complete = [m.period for m in held if m.is_complete and m.period]
            known = complete[-1] if complete else self._named
            if known:
                return _shifted(known, int(same.group(1)))
            how = f"{{year{same.group(1)}}}"
        if self.anchor_year is None or not SHIFTED.search(how):
            return None
        year = self.anchor_year
        return SHIFTED.sub(lambda found: str(year + int(found.group(1) or 0)), how)

    def _year_near(self, held: Iterable[PeriodMention]) -> int | None:
        years = [mention.year for mention in held if mention.year is not None]
        if years:
            return years[-1]
        if self._named is not None:
            return int(self._named[:4])
        return self.anchor_year or self._latest


def _shifted(period: str, years: int) -> str:
    if years == 0:
        return period.rpartition("/")[2][:4]
    return "/".join(f"{int(part[:4]) + years}{part[4:]}" for part in period.split("/"))


def _dateline(scenes: Sequence[Scene]) -> str | None:
    body = [scene for scene in scenes if scene.block is BlockKind.BODY]
    for scene in body[:DATELINE_SENTENCES_MAX]:
        for mention in scene.periods:
            if mention.point or mention.period is None:
                continue
            if FULL_DATE.fullmatch(mention.period):
                return mention.period
    return None

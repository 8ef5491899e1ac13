"""Periods completed from their context: the year of a date, the day that "last year" counts from.

A document gives its day by its publication date or by the dateline at its head; a dateline without
a year lies behind the last day whose state the document tells. A date without a year takes the year
named beside it, else the nearest one that fits: the past for what is reported, the future for what
is planned. A time relative to another one ("a year earlier") counts from the period named before
it; "at that date" repeats it. "Last year" counts from the document's day, and stays open without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from mains.reports.reader.figures import PeriodMention
from mains.reports.reader.lexicon import Role
from mains.reports.reader.modality import modality_at, period_end, period_start
from mains.reports.reader.periods import DAY_ALONE
from mains.reports.reader.scene import Scene
from mains.reports.values import BlockKind

DAY: Final = re.compile(r"(\d{4}|-)-\d{2}-\d{2}")
DAY_OR_MONTH: Final = re.compile(r"\d{4}-\d{2}(-\d{2})?")
FULL_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
DATELINE_SENTENCES_MAX: Final = 4
EVENT_GAP_MAX: Final = 2
SHIFTED: Final = re.compile(r"\{year([+-]\d+)?\}")
FUTURE_WEIGHT: Final = 2.0
MONTH: Final = re.compile(r"month([+-]\d+)?")
SAME: Final = re.compile(r"same([+-]\d+)?")


class Calendar:
    """The day of a document, and the periods that its sentences have named so far."""

    def __init__(self, scenes: Sequence[Scene], published: str | None) -> None:
        self.anchor = published or _dateline(scenes)
        self._named: str | None = None
        self._last: str | None = None
        """The last period named, in whatever paragraph."""
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
            completed = _in_halves(self._completed(scene, mention, held))
            held.append(completed)
            if completed.is_complete and not completed.founded and not completed.relative:
                self._last = completed.period
                self._remember(scene, completed)
        return tuple(held)

    def _remember(self, scene: Scene, mention: PeriodMention) -> None:
        """Remember the year for the dates behind it; a plan's year is none of them."""
        if modality_at(scene, mention.first, mention.last) is None:
            self._named = mention.period
            self._latest = max(mention.year or 0, self._latest or 0)

    def _completed(
        self, scene: Scene, mention: PeriodMention, held: Sequence[PeriodMention]
    ) -> PeriodMention:
        if mention.period is None:
            period = self._resolved(mention.relative or "", held)
            return mention if period is None else replace(mention, period=period)
        if not mention.is_complete:
            return self._with_year(scene, mention, held)
        return mention

    def _with_year(
        self, scene: Scene, mention: PeriodMention, held: Sequence[PeriodMention]
    ) -> PeriodMention:
        """Return the date in the year named beside it, else in the nearest past or future."""
        if (mention.period or "").startswith(DAY_ALONE):
            return self._with_month(mention)
        ahead = modality_at(scene, mention.first, mention.last) is not None
        years = [m.year for m in held if m.year is not None]
        if self.anchor is None:
            year = years[-1] if years else self._year_before()
            return mention if year is None else mention.completed(year)
        if not ahead:
            # The year of a plan is not the year of what is reported.
            years = [year for year in years if year <= int(self.anchor[:4])]
        if years:
            return mention.completed(years[-1])
        return self._nearest(mention, ahead=ahead)

    def _with_month(self, mention: PeriodMention) -> PeriodMention:
        """Return a day in the month named last, else the last such day up to the document's."""
        day = (mention.period or "")[len(DAY_ALONE) :]
        if self._last is not None and DAY_OR_MONTH.fullmatch(self._last):
            month = self._last[:7]
        elif self.anchor is not None:
            month = _month(self.anchor, -1 if day > self.anchor[8:] else 0)
        else:
            return mention
        return replace(mention, period=f"{month}-{day}", relative=None, reason=None)

    def _nearest(self, mention: PeriodMention, *, ahead: bool) -> PeriodMention:
        """Return the date in the year that brings it nearest to the document's day.

        What is planned lies ahead; of the rest the past is likelier than the future.
        """
        assert self.anchor is not None
        year, day = int(self.anchor[:4]), _days(self.anchor)
        if self._named is not None and int(self._named[:4]) >= year - 1 and not ahead:
            completed = mention.completed(int(self._named[:4]))
            if period_start(completed.period or "") <= self.anchor:
                return completed
        ways: list[tuple[float, PeriodMention]] = []
        for option in (year, year - 1, year + 1):
            completed = mention.completed(option)
            period = completed.period or ""
            if ahead and period_end(period) < self.anchor:
                continue
            way = _days(period_start(period)) - day
            ways.append((way * FUTURE_WEIGHT if way > 0 else -way, completed))
        return min(ways, key=lambda held: held[0])[1]

    def _resolved(self, how: str, held: Sequence[PeriodMention]) -> str | None:
        same = SAME.fullmatch(how)
        if same is not None:
            complete = [m.period for m in held if m.is_complete and m.period]
            if same.group(1) is None:
                return complete[-1] if complete else self._last
            known = complete[-1] if complete else self._named
            if known is None and int(same.group(1)) == 0:
                known = self._last
            if known:
                return _shifted(known, int(same.group(1)))
            how = f"{{year{same.group(1)}}}"
        month = MONTH.fullmatch(how)
        if month is not None and self.anchor is not None:
            return _month(self.anchor, int(month.group(1) or 0))
        if self.anchor_year is None or not SHIFTED.search(how):
            return None
        year = self.anchor_year
        return SHIFTED.sub(lambda found: str(year + int(found.group(1) or 0)), how)

    def _year_before(self) -> int | None:
        return int(self._named[:4]) if self._named is not None else self._latest


def _in_halves(mention: PeriodMention) -> PeriodMention:
    """Write January to June, and July to December, as the half that they are."""
    period = mention.period or ""
    for half, months in (("H1", ("01", "06")), ("H2", ("07", "12"))):
        if period == f"{period[:4]}-{months[0]}/{period[:4]}-{months[1]}":
            return replace(mention, period=f"{period[:4]}-{half}")
    return mention


def _days(day: str) -> int:
    return int(day[:4]) * 365 + int(day[5:7]) * 30 + int(day[8:10])


def _month(anchor: str, months: int) -> str:
    index = int(anchor[:4]) * 12 + int(anchor[5:7]) - 1 + months
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def _shifted(period: str, years: int) -> str:
    if years == 0:
        return period.rpartition("/")[2][:4]
    return "/".join(f"{int(part[:4]) + years}{part[4:]}" for part in period.split("/"))


def _dateline(scenes: Sequence[Scene]) -> str | None:
    """Return the document's day: the first day of its head, what only tells a state excepted.

    The day on which something opened or will open is none. A dateline without a year lies behind
    the last day whose state the document tells.
    """
    body = [scene for scene in scenes if scene.block is BlockKind.BODY]
    state = _last_state(scenes)
    for scene in body[:DATELINE_SENTENCES_MAX]:
        for mention in scene.periods:
            if mention.point or mention.period is None or not DAY.fullmatch(mention.period):
                continue
            if _is_of_event(scene, mention):
                continue
            if _names_year(scene, mention):
                return mention.period
            found = _next_day(mention.period[-5:], state)
            if found is not None:
                return found
    return None


def _is_of_event(scene: Scene, mention: PeriodMention) -> bool:
    """Whether the verb right before the day is that of an event, and none of saying."""
    said = {index for spot in scene.mentions.says for index in range(spot.first, spot.last)}
    return any(
        naming.measure == "event_date"
        and naming.role is Role.VERB
        and 0 <= mention.first - cue.last <= EVENT_GAP_MAX
        and said.isdisjoint(range(cue.first, cue.last))
        for cue in scene.mentions.measures
        for naming in cue.namings
    )


def _names_year(scene: Scene, mention: PeriodMention) -> bool:
    period = mention.period or ""
    return period[:4] in scene.sentence.document[mention.start : mention.end]


def _last_state(scenes: Iterable[Scene]) -> str | None:
    """Return the last day at which the document says how things were."""
    held = [
        mention.period
        for scene in scenes
        for mention in scene.periods
        if mention.point
        and mention.period is not None
        and FULL_DATE.fullmatch(mention.period)
        and modality_at(scene, mention.first, mention.last) is None
    ]
    return max(held, default=None)


def _next_day(month_and_day: str, state: str | None) -> str | None:
    """Return the first such day behind a state."""
    if state is None:
        return None
    same = f"{state[:4]}-{month_and_day}"
    return same if same >= state else f"{int(state[:4]) + 1}-{month_and_day}"

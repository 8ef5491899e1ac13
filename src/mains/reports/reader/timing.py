"""The periods and modalities of a sentence's claims, settled once measures and subjects are bound.

How the gold dates figures, and hence the rule:

1. A measure lies in time in one of five ways (`times` of measures.yaml). Rules, caps, costs and
   durations have no period at all.
2. A period inside the figure's own unit (layout.py) governs it; the nearest one does, and one right
   behind the figure goes before one in front. Brackets and pieces without a verb belong to the unit
   that they go on from.
3. A period at the head of a unit governs the units behind it, up to a semicolon or to another such
   period. One in the middle or at the end of a unit governs later units only where they have no
   verb or speak of the same measure, or of a flow.
4. A period behind a comparison ("more than in 2024", "compared with 34% in 2024") governs only what
   stands inside the comparison; what it is compared with has the period of the sentence. "A year
   earlier" is such a comparison by itself.
5. The date on which something opens, is signed or published is no period of what it has or costs:
   it governs events only (a round, a release). "Now" in a unit says that no other period governs.
6. Rates carry the last period of their paragraph from sentence to sentence, since a survey or an
   index is told result by result; flows carry it where the paragraph's claims gave a year or a part
   of it. Levels never do, unless the sentence says "at that date".
7. A growth per cent of a level at the end of a year is the growth of that year.

A relative time that nothing resolves leaves the period empty; a figure that two periods may govern
alike is marked with the reason `period_ambiguous`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mains.reports.packs import Pack, TokenKind
from mains.reports.packs.models import Time
from mains.reports.reader.calendars import Calendar
from mains.reports.reader.drafts import Draft
from mains.reports.reader.figures import PeriodMention
from mains.reports.reader.lexicon import Link
from mains.reports.reader.modality import (
    comparisons,
    governance_of,
    modality_at,
    modality_of,
)
from mains.reports.reader.scene import Scene
from mains.reports.reader.timing_words import behind_brackets, per_year, since
from mains.reports.values import Modality, Reason

EVENT_DATE: Final = "event_date"
GROWTH: Final = "growth_rate"
SHARE: Final = "share"
SAMPLE: Final = "survey_sample"
RANK: Final = "rank_"
ANY: Final = ""
SURVEYED: Final = re.compile(r"\d{4}-\d{2}-\d{2}/\d{4}-\d{2}-\d{2}")
RANKED_INDEX: Final = "rank_index_level"
PART: Final = re.compile(r"\d{4}-[HQ]\d")
DAY_OR_MONTH: Final = re.compile(r"\d{4}-\d{2}(-\d{2})?(/.*)?")
LAST_YEAR: Final = re.compile(r"(same|\{year)-.*")
YEAR: Final = re.compile(r"\d{4}")
END_OF_YEAR: Final = re.compile(r"(\d{4})-12-31")
YEAR_PART: Final = re.compile(r"\d{4}(-(H|Q)\d)?(/\d{4})?|\d{4}-\d{2}/\d{4}-\d{2}")
HEAD_TOKENS_MAX: Final = 2
PERIOD_WORDS: Final = {
    "own": "{period} stands in its clause",
    "opened": "{period} stands right before its clause",
    "head": "{period} stands before its clause and governs it",
    "behind": "{period} is added behind",
    "told": "{period} is what the document tells of",
    "shared": "{period} as for the figure before it",
    "carried": "{period} is what the sentences before tell of",
    "start": "where a change starts from has no other time than its own",
    "base": "what a figure is measured against has no time of its own",
    "now": "it tells how things are now",
    "timeless": "a measure of this kind has no time",
    "elsewhere": "the times named govern other figures",
    "absent": "no time is named",
}
TOUCHING: Final = frozenset("()（）,，的")
BASE_GAP_MAX: Final = 5
BASES_MAX: Final = 2
DASHES: Final = frozenset("—–-:：")
SPEECH_GAP_MAX: Final = 4
FROM_GAP_MAX: Final = 3
FROM: Final = frozenset({Link.FROM})


@dataclass(slots=True)
class Timing:
    """Settles period and modality of a document's claims, sentence by sentence."""

    calendar: Calendar
    paragraph: int = -1
    rates: dict[str, str] = field(default_factory=dict)
    """The period of the paragraph's last rate, by measure."""
    flow: str | None = None
    """The last year or part of a year that a claim of the paragraph has."""

    def settle(
        self, scene: Scene, drafts: Sequence[Draft], periods: Sequence[PeriodMention]
    ) -> list[Draft]:
        """Return the sentence's claims in their order, each with its period and modality."""
        if scene.sentence.paragraph != self.paragraph:
            self.paragraph, self.flow = scene.sentence.paragraph, None
            self.rates.clear()
        if not drafts:
            return []
        frame = _Frame(scene, periods, drafts, self.calendar.anchor)
        settled: list[Draft] = []
        for draft in drafts:
            if draft.is_neutral:
                settled.append(draft)
                continue
            settled.append(self._settled(scene, draft, frame, settled))
        self._remember(scene, settled)
        return settled

    def _settled(self, scene: Scene, draft: Draft, frame: _Frame, before: Sequence[Draft]) -> Draft:
        twin = _twin(scene, draft, before)
        if twin is not None:
            return replace(draft, period=twin.period, modality=twin.modality)
        time = time_of(scene.pack, draft.measure)
        reasons = [r for r in draft.reasons if not r.code.startswith(("period_", "modality_"))]
        mention, period, how = self._governing(scene, draft, time, frame, before)
        if mention is not None:
            period = mention.period if mention.is_complete else None
            if period is None:
                how = "relative"
        reasons += _period_reasons(period, how, mention, is_ambiguous=frame.is_ambiguous(draft))
        if period is not None and draft.measure == GROWTH and draft.unit in ("percent", "points"):
            period = END_OF_YEAR.sub(r"\1", period)
        dated = period
        if draft.measure == EVENT_DATE:
            dated = draft.value
        cue = modality_at(scene, draft.first, draft.last)
        if draft.measure == EVENT_DATE and YEAR.fullmatch(draft.value):
            # The year in an event's name is no forecast or aim of what the sentence says of it.
            cue = cue if cue is not None and cue.modality is Modality.PLANNED else None
        rule = scene.pack.rules.get(draft.measure or "")
        usual = rule.modality if rule is not None else None
        if usual == Modality.OBSERVED.value or frame.is_answer(draft, time):
            # What was counted or asked is a fact: "14% plan to use AI" is no plan of the survey.
            cue = None
        if usual is not None and period is None and _is_yearly(scene, draft):
            # What is paid out every year is a rule in force, no plan.
            usual = None
        if mention is not None and LAST_YEAR.fullmatch(mention.relative or ""):
            usual = None
        modality = modality_of(cue, usual, dated, self.calendar.anchor)
        if cue is not None:
            code = "modality_cue" if cue.modality is modality else "modality_past"
            reasons.append(Reason(code, f"{cue.modality.value}: {scene.words(cue)}"))
        elif modality is not Modality.OBSERVED:
            code = "modality_usual" if usual == modality.value else "modality_ahead"
            reasons.append(
                Reason(code, f"{modality.value}: no word says so, its time or kind does")
            )
        return replace(draft, period=period, modality=modality, reasons=tuple(reasons))

    def _governing(
        self, scene: Scene, draft: Draft, time: Time, frame: _Frame, before: Sequence[Draft]
    ) -> tuple[PeriodMention | None, str | None, str]:
        """Return the period that governs, or the one carried over to the figure, and how."""
        if time == "none":
            return None, None, "timeless"
        if governance_of(scene).is_start_of_change(draft.first, draft.last):
            return frame.touching(draft), None, "start"
        mention, how = frame.governing(draft, time)
        if mention is not None:
            return mention, None, how
        if frame.is_base(draft) or frame.is_now(draft):
            return None, None, "base" if frame.is_base(draft) else "now"
        held = [d for d in before if d.period is not None and not frame.is_base(d)]
        if draft.measure != GROWTH:
            held = [d for d in held if _goes_with(scene.pack, d, draft, time)]
        if held and frame.goes_on(held[-1], draft, time):
            return None, held[-1].period, "shared"
        return None, *self._carried(draft, time, frame)

    def _carried(self, draft: Draft, time: Time, frame: _Frame) -> tuple[str | None, str]:
        """Return the period that the paragraph's earlier sentences hand on."""
        measure = draft.measure or ""
        if time == "rate" and (measure == RANKED_INDEX or not measure.startswith(RANK)):
            name = measure.removeprefix(RANK)
            return self.rates.get(name) or self.rates.get(ANY), "carried"
        if time == "flow" and self.flow is not None and not frame.has_mentions:
            return self.flow, "carried"
        return None, "elsewhere" if frame.has_mentions else "absent"

    def _remember(self, scene: Scene, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            if draft.is_neutral or draft.period is None:
                continue
            if time_of(scene.pack, draft.measure) == "rate":
                name = (draft.measure or "").removeprefix(RANK)
                self.rates[name] = max(draft.period, self.rates.get(name, ""))
                if SURVEYED.fullmatch(draft.period):
                    self.rates[ANY] = draft.period
            if draft.modality.value == "observed":
                self.flow = END_OF_YEAR.sub(r"\1", draft.period)
                if not YEAR_PART.fullmatch(self.flow):
                    self.flow = None


def _period_reasons(
    period: str | None, how: str, mention: PeriodMention | None, *, is_ambiguous: bool
) -> list[Reason]:
    """Return how the period was found, or why there is none, for people and for the judge."""
    if how == "relative":
        why = mention.reason if mention is not None else None
        return [Reason("period_relative", why or "the time is relative")]
    found = [Reason(f"period_{how}", PERIOD_WORDS[how].format(period=period))]
    if is_ambiguous and how in ("own", "head"):
        found.append(Reason("period_ambiguous", "another time stands as near"))
    return found


def time_of(pack: Pack, measure: str | None) -> Time:
    """Return how a measure lies in time; a rank lies as what it ranks."""
    if measure is None:
        return "level"
    rule = pack.rules.get(measure.removeprefix(RANK)) or pack.rules.get(measure)
    return rule.time if rule is not None else "level"


def _is_yearly(scene: Scene, draft: Draft) -> bool:
    """Whether "a year" or the like stands in the figure's unit."""
    layout, tokens = governance_of(scene).layout, scene.sentence.tokens
    matcher = scene.pack.derive(per_year)
    held = layout.units[layout.unit(draft.first)].tokens
    return any(matcher.match(tokens, index) is not None for index in held)


def _goes_with(pack: Pack, earlier: Draft, draft: Draft, time: Time) -> bool:
    """Whether an earlier claim of the sentence may give the figure its period."""
    if earlier.measure == (draft.measure or "").removeprefix(RANK):
        return True
    if draft.measure in (earlier.measure, SHARE):
        # A share tells of the whole that was named before it, at its time.
        return True
    if time == "flow" and earlier.measure == GROWTH:
        return True
    return time in ("rate", "flow") and time_of(pack, earlier.measure) == time


def _twin(scene: Scene, draft: Draft, before: Sequence[Draft]) -> Draft | None:
    """Return the claim whose figure this one restates or limits from the other side."""
    starts = {
        scene.quantities[other].start
        for q in scene.quantities
        if q.start == draft.start
        for other in (q.range_of, q.pair)
        if other is not None
    }
    for other in reversed(before):
        if other.start in starts and not other.is_neutral and other.measure == draft.measure:
            return other
    return None


@dataclass(slots=True)
class _Frame:
    """The periods of one sentence, and what each of them can govern."""

    scene: Scene
    periods: Sequence[PeriodMention]
    drafts: Sequence[Draft]
    anchor: str | None = None
    dates: frozenset[int] = field(init=False)
    """The first tokens of the dates of events."""
    bases: dict[int, int] = field(init=False)
    """By a period's first token: where the comparison begins that it belongs to."""

    def __post_init__(self) -> None:
        barred = (self._is_dateline, self._is_in_name)
        self.periods = [
            p for p in self.periods if not p.founded and not any(bars(p) for bars in barred)
        ]
        self.dates = frozenset(d.first for d in self.drafts if d.measure == EVENT_DATE)
        self.bases = dict(self._compared())

    @property
    def has_mentions(self) -> bool:
        return any(p.is_complete and p.first not in self.bases for p in self.periods)

    def governing(self, draft: Draft, time: Time) -> tuple[PeriodMention | None, str]:
        """Return the period that governs the figure by its place in the sentence, and how."""
        held = [p for p in self.periods if self._can_govern(p, draft, time)]
        layout = governance_of(self.scene).layout
        own = unit = layout.unit(draft.first)
        while True:
            inside = [p for p in held if self._unit_of(p) == unit and not self._now(p)]
            if inside:
                nearest = min(inside, key=lambda p: self._way(draft, p))
                return nearest, "own" if unit == own else "head"
            if any(self._unit_of(p) == unit and self._now(p) for p in self.periods):
                return None, ""
            opened = self._opened(held, unit)
            if opened is not None:
                return opened, "opened"
            chain = layout.chain(unit)
            if not chain or layout.units[unit].has_verb:
                break
            unit = chain[0]
        for other in layout.chain(own):
            opened = self._opened(held, other)
            if opened is not None:
                return opened, "opened"
        ahead = self._ahead(held, unit, time)
        if ahead is not None:
            return ahead, "head"
        return self._behind(held, draft, unit, own), "behind"

    def touching(self, draft: Draft) -> PeriodMention | None:
        """Return the period right beside the figure, nothing but prepositions between."""
        links = self.scene.mentions.link_tokens
        for period in self.periods:
            gap = range(draft.last, period.first)
            if self._touches(period, draft) or (
                draft.last <= period.first and all(index in links for index in gap)
            ):
                return period
        return None

    def _opened(self, held: Sequence[PeriodMention], unit: int) -> PeriodMention | None:
        """Return the period that the unit is a relative clause of: "by 2027, when ..."."""
        opened = governance_of(self.scene).layout.units[unit]
        if opened.inside is None:
            return None
        return next((p for p in held if 0 <= opened.first - p.last <= 1), None)

    def is_ambiguous(self, draft: Draft) -> bool:
        """Whether two periods of the unit stand as near to the figure."""
        unit = governance_of(self.scene).layout.unit(draft.first)
        ways = sorted(
            self._way(draft, p)
            for p in self.periods
            if self._unit_of(p) == unit and p.first not in self.bases and p.first not in self.dates
        )
        return len(ways) > 1 and ways[1] - ways[0] < 0.1

    def is_base(self, draft: Draft) -> bool:
        """Whether the figure is what another one is measured against."""
        return any(start <= draft.first < first for first, start in self.bases.items())

    def is_answer(self, draft: Draft, time: Time) -> bool:
        """Whether it is a share of the sample that the sentence names, and so was observed."""
        return (
            time == "rate"
            and draft.unit == "percent"
            and any(other.measure == SAMPLE for other in self.drafts)
        )

    def is_now(self, draft: Draft) -> bool:
        """Whether "now" stands in the figure's unit."""
        unit = governance_of(self.scene).layout.unit(draft.first)
        return any(self._unit_of(p) == unit and self._now(p) for p in self.periods)

    def goes_on(self, earlier: Draft, draft: Draft, time: Time) -> bool:
        """Whether a figure of the same measure takes over the period of the one before it."""
        return earlier.period is not None and (
            time in ("rate", "flow") or not self.scene.is_between_strong(earlier.first, draft.first)
        )

    def _ahead(self, held: Sequence[PeriodMention], unit: int, time: Time) -> PeriodMention | None:
        """Return the period at the head of a unit before this one, or of the sentence."""
        layout = governance_of(self.scene).layout
        if time == "level":
            held = [p for p in held if p.point or not PART.fullmatch(p.period or "")]
        for other in layout.chain(unit):
            heads = [
                p
                for p in held
                if self._unit_of(p) == other
                and (self._is_head(p) or (time == "rate" and not layout.units[other].has_verb))
            ]
            if heads:
                return heads[-1]
        start = min((q.first for q in self.scene.quantities), default=0)
        first = [p for p in held if p.last <= start and self._is_head(p)]
        if first and time != "event" and layout.units[unit].first >= first[0].last:
            return first[0]
        return None

    def _behind(
        self, held: Sequence[PeriodMention], draft: Draft, unit: int, own: int
    ) -> PeriodMention | None:
        """Return a period that a later unit adds, or the verb's of the subject before it."""
        layout = governance_of(self.scene).layout
        subject = unit == own and not layout.units[unit].has_verb
        subject = subject and layout.units[unit].before is None
        for period in held:
            if period.first < draft.last:
                continue
            number = self._unit_of(period)
            other = layout.units[number]
            near = (unit, own)
            adds = (other.before in near or other.inside in near) and not other.has_verb
            if any(i in self._amounts for i in other.tokens if i > period.first):
                return None
            goes_on = subject and unit in layout.chain(number)
            if (adds or goes_on) and not self._figures_between(draft, period):
                return period
            return None
        return None

    def _can_govern(self, period: PeriodMention, draft: Draft, time: Time) -> bool:
        start = self.bases.get(period.first)
        if draft.measure == GROWTH and (
            start is not None
            or LAST_YEAR.fullmatch(period.relative or "")
            or self._is_from(period, draft)
        ):
            return False
        if self._is_since(period):
            return False
        inside = start is not None and start <= draft.first
        if start is not None and not (
            (inside and draft.last <= period.first)
            or self._touches(period, draft)
            or self._before(period, draft)
        ):
            return False
        if start is None and any(s <= draft.first < p for p, s in self.bases.items()):
            return False
        if (
            period.first in self.dates
            and DAY_OR_MONTH.fullmatch(period.period or "")
            and not self._is_state(period)
        ):
            return time == "event" or (time == "rate" and "/" in (period.period or ""))
        return not self._is_day_of_speech(period, draft)

    def _before(self, period: PeriodMention, draft: Draft) -> bool:
        """Whether the figure stands right before a time that is a comparison by itself."""
        links = self.scene.mentions.link_tokens
        alone = self.bases.get(period.first) == period.first and draft.last <= period.first
        return alone and all(index in links for index in range(draft.last, period.first))

    def _is_dateline(self, period: PeriodMention) -> bool:
        """Whether it is the document's own day behind its place: "LYON, 3 May 2026 — ..."."""
        if period.period is None or period.period != self.anchor or period.point:
            return False
        tokens = self.scene.sentence.tokens
        behind = behind_brackets(tokens, period.last)
        if behind < len(tokens) and tokens[behind].text in DASHES:
            return True
        # Scripts without spaces put no mark there: the place stands right before the day.
        follows = tokens[period.last : period.last + 1]
        return period.first > 0 and all(t.kind is TokenKind.HAN for t in (tokens[0], *follows))

    def _is_in_name(self, period: PeriodMention) -> bool:
        """Whether the year only goes on a name in capitals: the plan France 2030."""
        tokens = self.scene.sentence.tokens
        if self.scene.pack.grammar.numbers.capital_nouns or period.first < 1:
            return False
        year, before = tokens[period.first], tokens[period.first - 1]
        alone = period.last == period.first + 1 and year.kind is TokenKind.NUMBER
        named = before.kind is TokenKind.WORD and before.text[0].isupper()
        return alone and named and not (period.first == 1 or self.scene.links(period.first - 1))

    def _is_since(self, period: PeriodMention) -> bool:
        """Whether it only says from when on something has been counted: since its start in 2023."""
        layout = governance_of(self.scene).layout
        matcher = self.scene.pack.derive(since)
        tokens, unit = self.scene.sentence.tokens, layout.unit(period.first)
        for index in range(period.last - 1, -1, -1):
            if index in self._amounts or layout.unit(index) != unit:
                return False
            if matcher.match(tokens, index) is not None:
                return True
        return False

    def _is_from(self, period: PeriodMention, draft: Draft) -> bool:
        """Whether the growth is counted from the period: "up 14% from 2024"."""
        gap = range(draft.last, period.first + 1)
        return 1 < len(gap) <= FROM_GAP_MAX and any(
            self.scene.links(index) == FROM for index in gap
        )

    def _is_state(self, period: PeriodMention) -> bool:
        """Whether it is the day of a state that is reported: as of the end of 2025."""
        return period.point and modality_at(self.scene, period.first, period.last) is None

    def _is_day_of_speech(self, period: PeriodMention, draft: Draft) -> bool:
        """Whether it is the day on which somebody said it, apart from the figure."""
        if not DAY_OR_MONTH.fullmatch(period.period or "") or period.point:
            return False
        unit = self._unit_of(period)
        apart = unit != governance_of(self.scene).layout.unit(draft.first)
        return any(
            0 <= period.first - spot.last <= SPEECH_GAP_MAX
            and governance_of(self.scene).layout.unit(spot.first) == unit
            and (apart or spot.first >= draft.last)
            for spot in self.scene.mentions.says
        )

    def _touches(self, period: PeriodMention, draft: Draft) -> bool:
        """Whether only prepositions stand between the period and the figure behind it."""
        links = self.scene.mentions.link_tokens
        tokens = self.scene.sentence.tokens
        return draft.first >= period.last and all(
            index in links or tokens[index].text in TOUCHING
            for index in range(period.last, draft.first)
        )

    def _compared(self) -> Iterator[tuple[int, int]]:
        matcher = self.scene.pack.derive(comparisons)
        tokens = self.scene.sentence.tokens
        found = matcher.find(tokens)
        amounts = [(q.first, q.last) for q in self.scene.quantities]
        for period in self.periods:
            openers = [
                m
                for m in found
                if m.first <= period.first
                and m.last <= period.first + 1
                and not any(a <= m.first < b for a, b in amounts)
            ]
            opener = openers[-1] if openers else None
            if opener is not None:
                between = [a for a, b in amounts if opener.last <= a and b <= period.first]
                plain = range(opener.last, period.first)
                covered = sum(b - a for a, b in amounts if opener.last <= a and b <= period.first)
                near = len(plain) - covered <= BASE_GAP_MAX and len(between) <= BASES_MAX
                if near and not self.scene.is_between_strong(opener.last, period.first):
                    yield period.first, opener.first
                    continue
            if (period.relative or "").startswith("same-"):
                yield period.first, period.first

    def _is_head(self, period: PeriodMention) -> bool:
        unit = governance_of(self.scene).layout.units[self._unit_of(period)]
        words = [
            index
            for index in unit.tokens
            if index < period.first and self.scene.sentence.tokens[index].is_word
        ]
        if len(words) <= HEAD_TOKENS_MAX:
            return True
        plain = not unit.has_verb and not any(index in self._amounts for index in unit.tokens)
        return plain or self._unit_of(period) != governance_of(self.scene).layout.unit(period.first)

    @property
    def _amounts(self) -> frozenset[int]:
        return frozenset(i for q in self.scene.quantities for i in range(q.first, q.last))

    def _unit_of(self, period: PeriodMention) -> int:
        """Return the period's unit; alone in brackets it belongs to what stands before them."""
        layout = governance_of(self.scene).layout
        unit = layout.unit(period.first)
        held = layout.units[unit]
        alone = held.inside is not None and all(
            period.first <= index < period.last
            for index in held.tokens
            if self.scene.sentence.tokens[index].text not in TOUCHING
        )
        return held.inside if alone and held.inside is not None else unit

    def _now(self, period: PeriodMention) -> bool:
        return (period.relative or "").startswith("day")

    def _figures_between(self, draft: Draft, period: PeriodMention) -> bool:
        first, last = draft.last, period.first
        if period.last <= draft.first:
            first, last = period.last, draft.first
        layout = governance_of(self.scene).layout
        units = (layout.unit(draft.first), self._unit_of(period))
        return any(
            first <= q.first
            and q.last <= last
            and q.pair is None
            and q.range_of is None
            and layout.unit(q.first) in units
            for q in self.scene.quantities
        )

    def _way(self, draft: Draft, period: PeriodMention) -> float:
        blocked = 3.0 if self._figures_between(draft, period) else 0.0
        if period.first >= draft.last:
            return self.scene.distance(draft.last, period.first) * 0.8 + blocked
        return self.scene.distance(period.last, draft.first) + blocked / 4

"""Figures become claims: measure, subject, modality, period and scope by the sentence's structure.

`Binder` walks through a document's sentences in order. A claim is accepted only where measure and
subject are each bound by a slot of the sentence or by a stand-in that can mean one thing alone;
everything else is queued with the reasons, its span and value kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mains.reports.reader.binding_dates import bind_date, has_number, neutral_period
from mains.reports.reader.binding_measures import (
    MeasureChoice,
    counting_word,
    is_below_zero,
    measure_choices,
    stands_alone,
    unit_classes,
)
from mains.reports.reader.binding_ranks import bind_rank
from mains.reports.reader.binding_subjects import SubjectChoice, choose_subject, is_quiet
from mains.reports.reader.calendars import Calendar
from mains.reports.reader.drafts import Draft, subject_reasons
from mains.reports.reader.figures import PeriodMention, Quantity, QuantityKind
from mains.reports.reader.focus import Focus
from mains.reports.reader.governing import scope_at, speaker_of
from mains.reports.reader.measuring import NOTHING, Context, Weighed, unit_of, weigh
from mains.reports.reader.modality import comparisons
from mains.reports.reader.scene import Scene
from mains.reports.reader.timing import Timing
from mains.reports.values import BlockKind, Reason, Status

NEUTRAL_OF: Final = {
    QuantityKind.NAME_NUMBER: "name_number",
    QuantityKind.QUALIFIER: "qualifier_number",
    QuantityKind.VAGUE: "vague_quantity",
}
HEADLINE: Final = "headline"
CARRIED_COMPARED: Final = 7.2
RANKING: Final = frozenset(
    {QuantityKind.RANK, QuantityKind.SUPERLATIVE, QuantityKind.FIRST, QuantityKind.ORDINAL}
)


@dataclass
class Binder:
    """Binds the figures of one document, sentence by sentence."""

    focus: Focus
    calendar: Calendar
    established: set[str] = field(default_factory=set)
    """Measures that the document has stated in full."""
    previous: tuple[Draft, ...] = ()
    """The claims of the sentence before, if it stands in the same paragraph."""
    paragraph: int = -1
    context: Context = field(default_factory=Context)
    """What the document speaks of."""
    timing: Timing = field(init=False)
    """Which settles periods and modalities."""
    confirmed: set[str] = field(default_factory=set)
    """The measures whose confirming words the paragraph has used."""

    def __post_init__(self) -> None:
        self.timing = Timing(self.calendar)

    def bind(self, scene: Scene) -> list[Draft]:
        """Return the claims of the document's next sentence."""
        if scene.sentence.paragraph != self.paragraph:
            self.previous, self.paragraph = (), scene.sentence.paragraph
            self.confirmed.clear()
        scene.confirmed_before = frozenset(self.confirmed)
        self.confirmed.update(m for _, held in scene.mentions.needs for m in held)
        self.focus.enter(scene)
        periods = self.calendar.complete(scene)
        drafts = self._figures(scene)
        drafts += self._ranks(scene, drafts)
        drafts += self._periods(scene, periods, drafts)
        drafts.sort(key=lambda draft: (draft.start, draft.end))
        drafts = self.timing.settle(scene, drafts, periods)
        self._remember(scene, drafts)
        return drafts

    def _figures(self, scene: Scene) -> list[Draft]:
        drafts: list[Draft] = []
        by_index: dict[int, Draft] = {}
        for index, quantity in enumerate(scene.quantities):
            if quantity.kind in RANKING:
                continue
            draft = self._figure(scene, quantity, drafts)
            draft = _as_partner(draft, quantity, by_index)
            by_index[index] = draft
            drafts.append(draft)
        return drafts

    def _figure(
        self,
        scene: Scene,
        quantity: Quantity,
        drafts: Sequence[Draft],
    ) -> Draft:
        neutral = NEUTRAL_OF.get(quantity.kind)
        if is_quiet(scene.block):
            neutral = "qualifier_number" if neutral is None else neutral
        if neutral is not None:
            return self._neutral(scene, quantity, neutral)
        weighed = self._weighed(scene, quantity, drafts)
        measure = weighed.choice
        if measure is not None and measure.measure == NOTHING:
            return replace(self._neutral(scene, quantity, NOTHING), weighed=weighed)
        if measure is not None:
            self.context.remember(unit_of(quantity), measure.measure)
        return self._made(scene, quantity, weighed, self._subject(scene, quantity, measure))

    def _weighed(self, scene: Scene, quantity: Quantity, drafts: Sequence[Draft]) -> Weighed:
        """Return the measures that the figure may be of, the likeliest first."""
        choices = measure_choices(scene, quantity, frozenset(self.established))
        carried = self._carried(scene, quantity, drafts)
        if carried is not None:
            choices = [
                c for c in choices if c.measure != carried.measure or c.score > carried.score
            ]
            if all(choice.measure != carried.measure for choice in choices):
                choices = sorted([*choices, carried], key=lambda choice: -choice.score)
        before = next((d.measure for d in reversed((*self.previous, *drafts)) if d.measure), None)
        return weigh(scene, quantity, choices, self.context, before=before)

    def _neutral(self, scene: Scene, quantity: Quantity, measure: str) -> Draft:
        held = [m for m in scene.entities if m.first <= quantity.first and quantity.last <= m.last]
        near = held or [m for m in scene.entities if m.id is not None]
        return Draft.of(
            scene,
            quantity,
            measure=measure,
            subject=near[0].id if near else None,
            status=Status.ACCEPTED,
        )

    def _carried(
        self, scene: Scene, quantity: Quantity, drafts: Sequence[Draft]
    ) -> MeasureChoice | None:
        """Return the measure of the figure before, where this number stands alone beside it."""
        if quantity.kind is QuantityKind.COUNT and not stands_alone(scene, quantity):
            return None
        classes = unit_classes(quantity)
        beside = CARRIED_COMPARED if _is_compared(scene, quantity) else 4.2
        for draft, score in (
            *((d, beside) for d in reversed(drafts)),
            *((d, 3.1) for d in reversed(self.previous)),
        ):
            if draft.measure is None or draft.is_neutral or not draft.is_measure_sure:
                continue
            if not _is_counted_alike(scene, quantity, draft):
                continue
            rule = scene.pack.rules.get(draft.measure)
            if rule is not None and classes & set(rule.units) and not rule.general:
                return MeasureChoice(draft.measure, score, "carried", draft.cue)
        return None

    def _subject(
        self, scene: Scene, quantity: Quantity, measure: MeasureChoice | None
    ) -> SubjectChoice | None:
        if measure is None:
            return None
        rule = scene.pack.rules[measure.measure]
        return choose_subject(
            scene,
            quantity.first,
            quantity.last,
            rule.subjects,
            cue=measure.cue if measure.slot != "carried" else None,
            focus=self.focus,
            family=rule.family,
            measure=measure.measure,
        )

    def _made(
        self,
        scene: Scene,
        quantity: Quantity,
        weighed: Weighed,
        subject: SubjectChoice | None,
    ) -> Draft:
        measure = weighed.choice
        reasons = [*_measure_reasons(measure), *subject_reasons(subject)]
        clear = measure is not None and measure.is_clear
        accepted = clear and subject is not None and subject.is_clear
        scope = scope_at(scene, quantity.first, quantity.last, measure.cue if measure else None)
        if scene.block is BlockKind.TITLE:
            general = measure is not None and scene.pack.rules[measure.measure].general
            scope = _headlined(scope, general=general)
        if measure and is_below_zero(scene, quantity, measure.measure):
            quantity = replace(quantity, value=-quantity.value)
        bare_unit = scene.pack.rules[measure.measure].bare_unit if measure else None
        if bare_unit and quantity.kind is QuantityKind.COUNT and quantity.scale == 1:
            quantity = replace(quantity, unit=bare_unit)
        return Draft.of(
            scene,
            quantity,
            measure=measure.measure if measure else None,
            subject=subject.id if subject else None,
            scope=scope,
            speaker=speaker_of(scene),
            status=Status.ACCEPTED if accepted else Status.QUEUED,
            reasons=tuple(reasons),
            cue=measure.cue if measure else None,
            choice=subject,
            measured=measure,
            weighed=weighed,
        )

    def _ranks(self, scene: Scene, drafts: Sequence[Draft]) -> list[Draft]:
        found: list[Draft] = []
        for quantity in scene.quantities:
            if quantity.kind in RANKING and not is_quiet(scene.block):
                held = [*drafts, *found]
                found += bind_rank(scene, quantity, held, self.previous, self.focus)
        return found

    def _periods(
        self, scene: Scene, periods: Sequence[PeriodMention], drafts: Sequence[Draft]
    ) -> list[Draft]:
        found: list[Draft] = []
        for mention in periods:
            # "Last year" is no date of its own; it only dates the figures beside it.
            if mention.founded or mention.relative is not None:
                continue
            dated = bind_date(scene, mention, drafts, self.focus)
            if dated is not None:
                found.append(dated)
            elif has_number(scene, mention):
                found.append(neutral_period(scene, mention))
        return [draft for draft in found if draft.value]

    def _remember(self, scene: Scene, drafts: Sequence[Draft]) -> None:
        figures = [d for d in drafts if not d.is_neutral and d.status is Status.ACCEPTED]
        told = [d for d in drafts if not d.is_neutral and d.subject is not None]
        self.established.update(d.measure for d in figures if d.measure is not None)
        if any(not d.is_neutral for d in drafts):
            self.previous = tuple(drafts)
        self.focus.leave(scene, [d.subject for d in told if d.subject is not None])


def _is_counted_alike(scene: Scene, quantity: Quantity, draft: Draft) -> bool:
    """Whether both numbers have one counting word, unless one has none: 60款 is no 31个."""
    own = counting_word(scene, quantity.last)
    other = counting_word(draft.scene, draft.last)
    return own is None or other is None or own == other


def _is_compared(scene: Scene, quantity: Quantity) -> bool:
    """Whether a comparison leads to the figure: 61% of firms, against 55% a year before."""
    matcher = scene.pack.derive(comparisons)
    return matcher.ending_at(scene.sentence.tokens, quantity.first) is not None


def _headlined(scope: str | None, *, general: bool) -> str:
    """Return a headline's scope; a growth or a share says what it is of as well."""
    return f"{HEADLINE}: {scope}" if scope and general else HEADLINE


def _measure_reasons(choice: MeasureChoice | None) -> list[Reason]:
    if choice is None:
        return [Reason("measure_unknown", "no word of the sentence names what the figure is of")]
    if choice.rival is not None:
        return [Reason("measure_ambiguous", f"it may as well be {choice.rival}")]
    if not choice.is_clear:
        return [Reason("measure_distant", f"{choice.measure} is named, but too far away")]
    return [Reason(f"measure_{choice.slot}", f"{choice.measure} by its {choice.slot} word")]


def _as_partner(draft: Draft, quantity: Quantity, held: dict[int, Draft]) -> Draft:
    """Give both ends of a range, and both amounts of a conversion, what the first one is of."""
    partner = quantity.pair if quantity.pair is not None else quantity.range_of
    first = held.get(partner) if partner is not None else None
    if first is None or first.measure is None:
        return draft
    return replace(
        draft,
        measure=first.measure,
        subject=first.subject,
        scope=first.scope,
        modality=first.modality,
        period=first.period,
        status=first.status,
        reasons=first.reasons,
        cue=first.cue,
        choice=first.choice,
        measured=first.measured,
        partner=first if quantity.pair is not None else None,
    )

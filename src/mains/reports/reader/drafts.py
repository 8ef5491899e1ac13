"""A claim while it is being bound: the figure, what was decided about it, and why."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mains.reports.reader.binding_measures import MeasureChoice
from mains.reports.reader.binding_subjects import SubjectChoice
from mains.reports.reader.figures import PeriodMention, Quantity
from mains.reports.reader.measuring import Weighed
from mains.reports.reader.mentions import MeasureCue
from mains.reports.reader.scene import Scene
from mains.reports.values import (
    NEUTRAL_MEASURES,
    BlockKind,
    Bound,
    Modality,
    Reason,
    Status,
)

SUBJECT_WORDS: Final = {
    "possessor": "the noun counted belongs to it",
    "clause": "it is the subject of the clause",
    "sentence": "it is named before in the sentence",
    "respective": "it stands at the same place of the list of names",
    "heading": "the heading names it",
    "behind": "it is named behind the figure",
    "paragraph": "the sentence before is about it",
    "title": "the title names it",
    "document": "the document is mostly about it",
    "named": "the document names it often",
    "home": "the document speaks of this country most",
    "paragraph2": "the paragraph names it",
    "earlier": "the paragraph before is about it",
    "holder": "something that lies in it or belongs to it is named",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One claim to be; `value` and `unit` are already as a claim writes them."""

    scene: Scene
    start: int
    end: int
    first: int
    last: int
    value: str
    unit: str
    bound: Bound = Bound.EXACT
    measure: str | None = None
    subject: str | None = None
    scope: str | None = None
    modality: Modality = Modality.OBSERVED
    period: str | None = None
    speaker: str | None = None
    status: Status = Status.QUEUED
    reasons: tuple[Reason, ...] = ()
    cue: MeasureCue | None = None
    partner: Draft | None = None
    """The amount that this one converts."""
    choice: SubjectChoice | None = None
    """How the subject was chosen."""
    measured: MeasureChoice | None = None
    """How the measure was chosen, unless it is a rank's."""
    weighed: Weighed | None = None
    """What the measure was chosen among, unless it is a rank's or a date's."""

    @property
    def is_measure_sure(self) -> bool:
        """Whether it is settled what is measured, though perhaps not of whom."""
        if self.measured is not None:
            return self.measured.is_clear
        return self.status is Status.ACCEPTED

    @classmethod
    def of(
        cls,
        scene: Scene,
        quantity: Quantity,
        *,
        measure: str | None,
        subject: str | None,
        status: Status,
        scope: str | None = None,
        modality: Modality = Modality.OBSERVED,
        period: str | None = None,
        speaker: str | None = None,
        reasons: tuple[Reason, ...] = (),
        cue: MeasureCue | None = None,
        choice: SubjectChoice | None = None,
        measured: MeasureChoice | None = None,
        weighed: Weighed | None = None,
    ) -> Draft:
        """Return a claim to be of a quantity; a bare number counts."""
        return cls(
            scene=scene,
            start=quantity.start,
            end=quantity.end,
            first=quantity.first,
            last=quantity.last,
            value=plain_number(quantity.value),
            unit=quantity.unit or "count",
            bound=quantity.bound,
            measure=measure,
            subject=subject,
            scope=scope,
            modality=modality,
            period=period,
            speaker=speaker,
            status=status,
            reasons=reasons,
            cue=cue,
            choice=choice,
            measured=measured,
            weighed=weighed,
        )

    @classmethod
    def of_period(
        cls,
        scene: Scene,
        mention: PeriodMention,
        *,
        measure: str,
        subject: str | None,
        status: Status,
        scope: str | None = None,
        modality: Modality = Modality.OBSERVED,
        speaker: str | None = None,
        reasons: tuple[Reason, ...] = (),
        choice: SubjectChoice | None = None,
    ) -> Draft:
        """Return a claim to be of a date; a relative one has no value."""
        return cls(
            scene=scene,
            start=mention.start,
            end=mention.end,
            first=mention.first,
            last=mention.last,
            value=(mention.period or "") if mention.is_complete else "",
            unit="date",
            measure=measure,
            subject=subject,
            scope=scope,
            modality=modality,
            speaker=speaker,
            status=status,
            reasons=reasons,
            choice=choice,
        )

    @property
    def is_neutral(self) -> bool:
        """Whether the number only qualifies others or is part of a name."""
        return self.measure in NEUTRAL_MEASURES

    @property
    def is_titled(self) -> bool:
        """Whether it stands in a headline or a link."""
        return self.scene.block in (BlockKind.TITLE, BlockKind.RELATED)


def plain_number(value: Decimal) -> str:
    """Return a number without exponent and without zeros that say nothing."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def subject_reasons(choice: SubjectChoice | None) -> list[Reason]:
    """Return why the subject was chosen, or why it is in doubt."""
    if choice is None:
        return [Reason("subject_unknown", "nothing that fits is named")]
    if not choice.is_clear:
        rival = next((other.id for other in choice.rivals if other.id != choice.id), "another")
        return [Reason("subject_ambiguous", f"{choice.id} or {rival} may be meant")]
    return [Reason(f"subject_{choice.slot}", f"{choice.id}: {SUBJECT_WORDS[choice.slot]}")]

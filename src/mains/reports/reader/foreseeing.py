"""Rules and sites that the document as a whole announces: what no verb beside them says.

An article on a scheme to come states its rules in the present tense once it has said that the
scheme will open. So a figure without a word of time of its own is planned where

- its sentence tells of a plan, and a sentence beside it in the paragraph plans figures too;
- the head of the document says from which day in the future on its rules hold;
- most rules of the same scheme are planned by their own words, and nothing was paid out yet.

Only what a plan or a rule consists of can be so: what it costs, pays, lasts and holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mains.reports.packs import Pack
from mains.reports.reader.drafts import Draft
from mains.reports.reader.lexicon import Link
from mains.reports.reader.modality import governance_of
from mains.reports.reader.scene import Scene
from mains.reports.values import Modality, Reason

EVENT_DATE: Final = "event_date"
DATES: Final = frozenset({EVENT_DATE, "founded_year"})
HEAD_SENTENCES_MAX: Final = 6
RULES_MIN: Final = 2
SCHEMES: Final = frozenset({"programme", "plan"})
PUBLIC_MONEY: Final = "public_money"
PLANNABLE: Final = frozenset({PUBLIC_MONEY, "compute"})
RULES: Final = frozenset(
    {"subsidy_rate", "subsidy_cap", "voucher_amount", "subsidy_pool", "tier_threshold"}
    | {"consortium_size", "revenue_threshold", "duration"}
)
PAID: Final = frozenset({"subsidy_amount", "approved_amount", "applications_received"})


def foreseen(drafts: Sequence[Draft]) -> list[Draft]:
    """Return the document's claims in their order, what it announces as a whole made planned."""
    evidence = _Evidence.of(drafts)
    return [_as_planned(draft) if evidence.plans(draft) else draft for draft in drafts]


@dataclass(slots=True)
class _Evidence:
    """What the document says of plans, by place and by scheme."""

    order: dict[int, int] = field(default_factory=dict)
    """By a scene's identity its number in the document."""
    sentences: dict[int, list[Draft]] = field(default_factory=lambda: defaultdict(list))
    rules: Counter[tuple[str, Modality]] = field(default_factory=Counter)
    """How many rules of a scheme a word makes planned or leaves as facts."""
    paid: set[str] = field(default_factory=set)
    is_ahead: bool = False
    """Whether the head says that the rules hold from a future day on."""

    @classmethod
    def of(cls, drafts: Iterable[Draft]) -> _Evidence:
        """Return the evidence of one document's claims."""
        made = cls()
        for draft in drafts:
            number = made.order.setdefault(id(draft.scene), len(made.order))
            if draft.is_neutral:
                continue
            made.sentences[number].append(draft)
            if draft.measure in PAID and draft.modality is Modality.OBSERVED:
                made.paid.add(draft.subject or "")
            if draft.measure in RULES and _is_by_word(draft):
                made.rules[draft.subject or "", draft.modality] += 1
            if number < HEAD_SENTENCES_MAX and _is_opening(draft):
                made.is_ahead = True
        return made

    def plans(self, draft: Draft) -> bool:
        """Whether the document as a whole makes the figure planned."""
        if not _is_open(draft):
            return False
        if self._is_beside_plans(draft):
            return True
        if draft.measure not in RULES or _is_told(draft.scene):
            return False
        return self.is_ahead or self._is_of_planned_scheme(draft)

    def _is_beside_plans(self, draft: Draft) -> bool:
        """Whether the sentence tells of a plan, and one beside it in the paragraph too."""
        cues = governance_of(draft.scene).cues
        if not any(cue.modality is Modality.PLANNED for cue in cues):
            return False
        number = self.order[id(draft.scene)]
        paragraph = draft.scene.sentence.paragraph
        return any(
            _is_planned(other) and other.scene.sentence.paragraph == paragraph
            for beside in (number - 1, number + 1)
            for other in self.sentences.get(beside, ())
        )

    def _is_of_planned_scheme(self, draft: Draft) -> bool:
        subject = draft.subject or ""
        if subject.partition(":")[0] not in SCHEMES or subject in self.paid:
            return False
        planned = self.rules[subject, Modality.PLANNED]
        return planned >= RULES_MIN and planned > self.rules[subject, Modality.OBSERVED]


def _is_open(draft: Draft) -> bool:
    """Whether no word says when or how surely, and the figure is of what plans consist of."""
    if draft.is_neutral or draft.modality is not Modality.OBSERVED or draft.period is not None:
        return False
    if any(reason.code in ("modality_past", "period_start") for reason in draft.reasons):
        return False
    return _is_plannable(draft.scene.pack, draft.measure) and not _is_fact(draft)


def _is_plannable(pack: Pack, measure: str | None) -> bool:
    rule = pack.rules.get(measure or "")
    if rule is None or measure in DATES:
        return False
    return rule.time == "none" or rule.family in PLANNABLE


def _is_fact(draft: Draft) -> bool:
    """Whether "already" or the like stands in the figure's unit."""
    governance = governance_of(draft.scene)
    unit = governance.layout.unit(draft.first)
    return any(
        cue.modality is Modality.OBSERVED and governance.layout.unit(cue.first) == unit
        for cue in governance.cues
    )


def _is_told(scene: Scene) -> bool:
    """Whether the sentence tells results, as surveys do: they have times and are no rules."""
    return any(period.relative is None for period in scene.periods)


def _is_planned(draft: Draft) -> bool:
    return draft.modality is Modality.PLANNED and not any(
        reason.code == "modality_usual" for reason in draft.reasons
    )


def _is_by_word(draft: Draft) -> bool:
    return any(reason.code == "modality_cue" for reason in draft.reasons) or _is_fact(draft)


def _is_opening(draft: Draft) -> bool:
    """Whether it is the planned day from which on something of a scheme holds."""
    if draft.measure != EVENT_DATE or draft.modality is not Modality.PLANNED:
        return False
    begins = "/" in draft.value or Link.FROM in draft.scene.links(draft.first)
    kind = (draft.subject or "").partition(":")[0]
    return begins and kind not in ("event", "platform", "org", "model", "app")


def _as_planned(draft: Draft) -> Draft:
    reason = Reason("modality_foreseen", "planned: what the document announces as a whole")
    return replace(draft, modality=Modality.PLANNED, reasons=(*draft.reasons, reason))

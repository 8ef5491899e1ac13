"""Which proposals stand: grounded in the text and in the deterministic reading, or dropped.

Pure: a document, its reading and proposals in; a reading and a tally out. Nothing that the reader
accepted changes, no figure is added, and nothing that a model says becomes `accepted`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Final

from mains.reports.documents.document import Block, Document
from mains.reports.packs import Entity, load_pack
from mains.reports.packs.loader import measure_rules
from mains.reports.packs.predicates import predicate_rules
from mains.reports.proposing.asking import speaking_blocks
from mains.reports.proposing.proposals import Proposals, ProposedClaim, ProposedRelation
from mains.reports.values import (
    Claim,
    Modality,
    Reading,
    Reason,
    Relation,
    Status,
    identify,
)

QUOTE_WORDS_MAX: Final = 12
PERIOD: Final = re.compile(
    r"\d{4}(?:-(?:H[12]|Q[1-4]|(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?))?"
)
YEAR: Final = re.compile(r"\d{4}")
UNIT_CLASSES: Final = {
    "W": "power",
    "FLOPS": "flops",
    "B": "bytes",
    **dict.fromkeys(("year", "month", "week", "day", "hour", "minute"), "duration"),
}
CURRENCY: Final = re.compile(r"[A-Z]{3}")

DROPPED: Final = {
    "malformed": "break the form",
    "no_such_block": "name a block that was not sent",
    "quote_not_found": "quote words that do not stand there",
    "quote_not_unique": "quote words that stand there more than once, at no offset",
    "quote_too_long": "quote more than 12 words",
    "no_such_figure": "give a figure that the reader does not find there",
    "contradicts": "say otherwise than the sentence's structure",
    "subject_not_found": "name somebody whom the report does not name",
    "words_not_found": "use words that the sentence does not hold",
    "does_not_fit": "name a measure that has no such unit or subject",
    "unknown_word": "use a measure or predicate that there is none of",
    "adds_nothing": "add nothing",
}
"""Why proposals are dropped, as words after their number."""


@dataclass
class Tally:
    """What became of the proposals: counts only, never their words."""

    agreeing: int = 0
    completing: int = 0
    relating: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def all(self) -> int:
        """How many proposals there were."""
        return self.agreeing + self.completing + self.relating + self.dropped.total()

    def words(self) -> str:
        """Say it for people."""
        kept = (
            f"{self.all:,} proposals: {self.agreeing:,} agree with the reader, "
            f"{self.completing:,} complete a claim, {self.relating:,} add a relation; "
            f"{self.dropped.total():,} were dropped"
        )
        reasons = "; ".join(
            f"{count:,} {DROPPED[code]}" for code, count in sorted(self.dropped.items())
        )
        return f"{kept} ({reasons})." if reasons else f"{kept}."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands in the document."""

    block: Block
    start: int
    end: int


def judge(
    document: Document, reading: Reading, proposals: Iterable[Proposals]
) -> tuple[Reading, Tally]:
    """Return the reading with what stands of the proposals, and what became of all of them."""
    tally = Tally()
    blocks = dict(speaking_blocks(document))
    claims = {claim.id: claim for claim in reading.claims}
    relations = {relation.id: relation for relation in reading.relations}
    for held in proposals:
        tally.dropped["malformed"] += held.malformed
        for claim in held.claims:
            _claim(document, blocks, claims, claim, tally)
        for relation in held.relations:
            _relation(document, blocks, relations, relation, tally)
    tally.dropped = +tally.dropped
    by_place = sorted(relations.values(), key=lambda relation: (relation.start, relation.end))
    return replace(reading, claims=tuple(claims.values()), relations=tuple(by_place)), tally


def _claim(
    document: Document,
    blocks: Mapping[int, Block],
    claims: dict[str, Claim],
    proposed: ProposedClaim,
    tally: Tally,
) -> None:
    place = _place(document, blocks, proposed)
    if isinstance(place, str):
        tally.dropped[place] += 1
        return
    claim = _same_figure(claims.values(), place, proposed)
    if claim is None:
        tally.dropped["no_such_figure"] += 1
        return
    offered = _grounded(document, place.block, proposed)
    if isinstance(offered, str):
        tally.dropped[offered] += 1
        return
    if any((held := getattr(claim, name)) and held != value for name, value in offered.items()):
        tally.dropped["contradicts"] += 1
        return
    if not _fits({"subject": claim.subject, "measure": claim.measure, **offered}, claim.unit):
        tally.dropped["does_not_fit"] += 1
        return
    lacking = {name: value for name, value in offered.items() if getattr(claim, name) is None}
    if claim.status is Status.ACCEPTED:
        tally.agreeing += 1
    elif not lacking:
        tally.dropped["adds_nothing"] += 1
    else:
        claims[claim.id] = _completed(claim, lacking)
        tally.completing += 1


def _place(
    document: Document,
    blocks: Mapping[int, Block],
    proposed: ProposedClaim | ProposedRelation,
) -> Place | str:
    """Return where the quote stands verbatim, or why it doesn't."""
    block = blocks.get(proposed.block)
    if block is None:
        return "no_such_block"
    text = document.text[block.start : block.end]
    start, quote = proposed.start, proposed.quote
    if start is None or start < 0 or text[start : start + len(quote)] != quote:
        start = text.find(quote)
        if start < 0:
            return "quote_not_found"
        if text.find(quote, start + 1) >= 0:
            return "quote_not_unique"
    return Place(block, block.start + start, block.start + start + len(quote))


def _same_figure(claims: Iterable[Claim], place: Place, proposed: ProposedClaim) -> Claim | None:
    """Return the reader's own figure within the quote, if value, unit and bound are the same."""
    for claim in claims:
        if (
            place.start <= claim.start
            and claim.end <= place.end
            and not claim.is_neutral
            and claim.unit == proposed.unit
            and claim.bound.value == proposed.bound
            and _number(claim.value) == _number(proposed.value)
        ):
            return claim
    return None


def _number(text: str) -> Decimal | str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text


def _grounded(document: Document, block: Block, proposed: ProposedClaim) -> dict[str, str] | str:
    """Return the fields that the text bears out, or why one of them is not borne out."""
    offered: dict[str, str] = {}
    if proposed.measure is not None:
        rule = measure_rules().get(proposed.measure)
        if rule is None or rule.neutral:
            return "unknown_word"
        offered["measure"] = proposed.measure
    if proposed.subject is not None:
        subject = named(document, block, proposed.subject)
        if subject is None:
            return "subject_not_found"
        offered["subject"] = subject
    if proposed.period is not None:
        ends = proposed.period.split("/")
        years = {year for end in ends for year in YEAR.findall(end)[:1]}
        known = len(ends) <= len(("start", "end")) and all(PERIOD.fullmatch(end) for end in ends)
        if not known or not all(year in document.text for year in years):
            return "words_not_found"
        offered["period"] = proposed.period
    return offered


def _fits(fields: Mapping[str, str | None], unit: str) -> bool:
    """Whether the measure may have such a unit, and such a subject."""
    rule = measure_rules().get(fields["measure"] or "")
    if rule is None:
        return fields["measure"] is None
    kind = "money" if CURRENCY.fullmatch(unit) else UNIT_CLASSES.get(unit, unit)
    if rule.units and kind not in rule.units and unit not in rule.units:
        return False
    subject = fields["subject"]
    return subject is None or not rule.subjects or subject.partition(":")[0] in rule.subjects


def named(document: Document, block: Block, name: str) -> str | None:
    """Return the id of something that the packs know and the document names, or None.

    A name that the packs don't know gets no id from a model: it would be the model's word alone.
    """
    name = name.strip()
    if not name or not stands_in(document.text, name):
        return None
    pack = load_pack(block.language)
    wanted = pack.tokenizer.normalise(name)
    for entity in pack.entities:
        if any(pack.tokenizer.normalise(held) == wanted for held in _names(entity, block)):
            return entity.id
    return None


def _names(entity: Entity, block: Block) -> tuple[str, ...]:
    return (*entity.names.get(block.language or "", ()), *entity.names.get("*", ()))


def stands_in(text: str, words: str) -> bool:
    """Whether the words stand in the text, at the edges of words where the script has them."""
    edge = r"(?<!\w)" if words[0].isascii() else ""
    end = r"(?!\w)" if words[-1].isascii() else ""
    return re.search(edge + re.escape(words) + end, text) is not None


def _completed(claim: Claim, lacking: Mapping[str, str]) -> Claim:
    """Return the claim with what the model alone supplies: proposed, and the reason says so."""
    names = ", ".join(sorted(lacking))
    reason = Reason(
        "model_supplied", f"The model alone supplies: {names}. A person has to review it."
    )
    return replace(
        claim,
        subject=lacking.get("subject", claim.subject),
        measure=lacking.get("measure", claim.measure),
        period=lacking.get("period", claim.period),
        status=Status.PROPOSED,
        reasons=(*claim.reasons, reason),
    )


def _relation(
    document: Document,
    blocks: Mapping[int, Block],
    relations: dict[str, Relation],
    proposed: ProposedRelation,
    tally: Tally,
) -> None:
    place = _place(document, blocks, proposed)
    problem = place if isinstance(place, str) else _problem(document, place, proposed)
    if problem is not None or isinstance(place, str):
        tally.dropped[problem or "malformed"] += 1
        return
    if any(
        held.predicate == proposed.predicate and held.start < place.end and place.start < held.end
        for held in relations.values()
    ):
        tally.agreeing += 1
        return
    made = _made(document, place, proposed)
    relations[made.id] = made
    tally.relating += 1


def _problem(document: Document, place: Place, proposed: ProposedRelation) -> str | None:
    if proposed.predicate not in predicate_rules():
        return "unknown_word"
    if len(proposed.quote.split()) > QUOTE_WORDS_MAX:
        return "quote_too_long"
    text = document.text[place.block.start : place.block.end]
    if not (stands_in(text, proposed.subject) and stands_in(text, proposed.object)):
        return "words_not_found"
    if proposed.subject == proposed.object:
        return "adds_nothing"
    return None


def _made(document: Document, place: Place, proposed: ProposedRelation) -> Relation:
    subject = named(document, place.block, proposed.subject) or proposed.subject
    target = named(document, place.block, proposed.object) or proposed.object
    parts = ("relation", place.start, place.end, subject, proposed.predicate, target)
    return Relation(
        id=identify(document.sha256, *parts),
        doc=document.name,
        start=place.start,
        end=place.end,
        quote=document.text[place.start : place.end],
        subject=subject,
        predicate=proposed.predicate,
        object=target,
        modality=Modality.OBSERVED,
        note="proposed by a model alone",
        status=Status.PROPOSED,
        language=place.block.language,
    )

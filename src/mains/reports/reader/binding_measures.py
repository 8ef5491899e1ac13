"""Which measure a figure is of: every cue of the sentence is weighed by the slot that it fills.

Slots, from the strongest: the noun counted (right of the number), a noun or verb that governs the
amount (left of it), a noun behind an amount, the measure of an earlier clause where the number
stands alone ("A has 12 models and B 7").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, TokenKind
from mains.reports.reader.beside import has_minus
from mains.reports.reader.figures import Quantity, QuantityKind
from mains.reports.reader.lexicon import Link, Naming, Role
from mains.reports.reader.mentions import MeasureCue
from mains.reports.reader.scene import ENDING_MARKS, Scene

UNIT_CLASSES: Final = {
    QuantityKind.COUNT: frozenset({"count", "number"}),
    QuantityKind.MONEY: frozenset({"money"}),
    QuantityKind.PERCENT: frozenset({"percent"}),
    QuantityKind.POINTS: frozenset({"points"}),
    QuantityKind.RATIO: frozenset({"ratio"}),
    QuantityKind.DURATION: frozenset({"duration"}),
    QuantityKind.YEAR: frozenset({"year"}),
}
MEASURED: Final = {"W": "power", "Wh": "energy", "FLOPS": "flops", "B": "bytes"}
DEFAULT_SCORES: Final = {
    QuantityKind.RATIO: 5.0,
    QuantityKind.POINTS: 4.0,
    QuantityKind.DURATION: 2.8,
    QuantityKind.MEASURE: 3.2,
}
COUNTED_GAP_MAX: Final = 5
BEHIND_GAP_MAX: Final = 7
BESIDE: Final = 0.5
"""What a noun gains that stands right behind its amount: a $27 billion deal."""
BEYOND_COUNTED: Final = 4.5
ONWARD: Final = frozenset({Link.FOR, Link.TO, Link.FROM, Link.WITH, Link.IN, Link.BY})
"""Prepositions behind a noun counted, which lead on to another noun."""
OWN_DURATION: Final = 8.5
"""Years in a row say themselves what they are."""
OWN_COUNTED: Final = 9.2
"""The noun counted stands inside the figure: 10 employees or more."""
OWN_BEYOND: Final = 7.2
"""A phrase that takes in a part of the figure and what stands beside it: "12% more"."""
PLAIN_BEFORE: Final = -1.0
NEEDS_NEAR: Final = 4.0
NOT_HERE: Final = 0.3
"""What a noun loses whose confirming word stands in another paragraph."""
MARGIN_MAX: Final = 3.0
FALL_BEFORE_MAX: Final = 4
FALL_PHRASE_MAX: Final = 7
FALL_BEHIND_MAX: Final = 2
COUNTED_BY_ANOTHER: Final = 2.0


@dataclass(frozen=True, slots=True)
class MeasureChoice:
    """A measure for a figure: the slot that its cue fills, and how well."""

    measure: str
    score: float
    slot: str
    """"counted", "governing", "behind", "own", "carried" or "unit"."""
    cue: MeasureCue | None
    rival: str | None = None
    """Another measure that fits nearly as well."""
    margin: float = MARGIN_MAX
    """How far it is ahead of the next one."""
    likelihood: float = 1.0
    """How likely it is among all measures that the unit allows."""

    @property
    def is_clear(self) -> bool:
        """Whether the binding is strong enough to be accepted."""
        return self.rival is None


def unit_classes(quantity: Quantity) -> frozenset[str]:
    """Return the unit classes of measures that may have the quantity as value."""
    if quantity.kind is QuantityKind.MEASURE:
        return frozenset({MEASURED.get(quantity.unit or "", "other")})
    return UNIT_CLASSES.get(quantity.kind, frozenset())


def measure_choices(
    scene: Scene, quantity: Quantity, established: frozenset[str]
) -> list[MeasureChoice]:
    """Return the measures that the sentence's cues allow for the quantity, the best first.

    `established` are the measures that the document has stated in full before.
    """
    best: dict[str, MeasureChoice] = {}
    for choice in (*_choices(scene, quantity, established), *_defaults(scene, quantity)):
        if choice.measure not in best or choice.score > best[choice.measure].score:
            best[choice.measure] = choice
    return sorted(best.values(), key=lambda choice: (-choice.score, choice.measure))


def stands_alone(scene: Scene, quantity: Quantity) -> bool:
    """Whether no noun follows the number, so that an earlier clause says what it counts."""
    tokens, index = scene.sentence.tokens, quantity.last
    classifiers = scene.pack.grammar.numbers.classifiers
    while index < len(tokens) and tokens[index].text in classifiers:
        index += 1
    if index >= len(tokens) or tokens[index].text in ENDING_MARKS:
        return True
    if index in scene.mentions.link_tokens or index in scene.figure_tokens:
        return True
    return any(clause.first == index for clause in scene.sentence.clauses[1:])


def counting_word(scene: Scene, last: int) -> str | None:
    """Return the classifier right behind a number, or the one that ends the number's span."""
    tokens, classifiers = scene.sentence.tokens, scene.pack.grammar.numbers.classifiers
    return next((t.text for t in tokens[last - 1 : last + 1] if t.text in classifiers), None)


def ends_at_mark(scene: Scene, quantity: Quantity, noun: int) -> bool:
    """Whether a mark right behind the number and its classifier divides it from the noun.

    Scripts without spaces put what is counted before such a number: 企业1900家、模型132款.
    """
    tokens, classifiers = scene.sentence.tokens, scene.pack.grammar.numbers.classifiers
    index = quantity.last
    while index < noun and tokens[index].text in classifiers:
        index += 1
    return bool(classifiers) and index < noun and tokens[index].text in ENDING_MARKS


def _choices(
    scene: Scene, quantity: Quantity, established: frozenset[str]
) -> Iterator[MeasureChoice]:
    classes = unit_classes(quantity)
    alone = quantity.kind is not QuantityKind.COUNT or stands_alone(scene, quantity)
    counted = quantity.kind is QuantityKind.COUNT and not alone
    is_duration = quantity.kind is QuantityKind.DURATION
    for cue in scene.mentions.measures:
        slot: str | None
        if cue.first < quantity.last and quantity.first < cue.last:
            inside = quantity.first <= cue.first and cue.last <= quantity.last
            counts = quantity.kind is QuantityKind.COUNT and inside
            counts = counts and cue.first >= quantity.number_last
            slot, base = "own", OWN_DURATION if is_duration else 5.2 if inside else OWN_BEYOND
            base = OWN_COUNTED if counts else base
        elif _is_anothers(scene, quantity, cue) or _is_of_another(scene, quantity, cue):
            continue
        else:
            slot, base = _slot(scene, quantity, cue, counted=counted)
        if slot is None:
            continue
        for naming in cue.namings:
            rule = scene.pack.rules[naming.measure]
            if not classes & set(rule.units) or rule.rank_only:
                continue
            if naming.role is Role.VERB and rule.general and _is_end(scene, quantity, cue):
                continue
            if rule.counted and slot != "counted":
                continue
            score = base + _naming_weight(scene, quantity, cue, naming, established)
            if score > 0:
                yield MeasureChoice(naming.measure, score, slot, cue)


def _is_anothers(scene: Scene, quantity: Quantity, cue: MeasureCue) -> bool:
    """Whether the noun stands inside another figure, as its bound does: 12% of firms with 10
    employees or more."""
    return any(
        other.number_last <= cue.first and cue.last <= other.last
        for other in scene.quantities
        if other is not quantity and other.kind is QuantityKind.COUNT
    )


def _is_of_another(scene: Scene, quantity: Quantity, cue: MeasureCue) -> bool:
    """Whether the cue takes in a part of another figure, of which it speaks alone."""
    return any(
        other is not quantity
        and cue.first < other.last
        and other.first < cue.last
        and (cue.first < other.first or other.last < cue.last)
        for other in scene.quantities
    )


def _is_end(scene: Scene, quantity: Quantity, cue: MeasureCue) -> bool:
    """Whether a change leads from or to the figure, which is no change itself: rose to 47%."""
    links = scene.links(quantity.first)
    leads = links & {Link.FROM, Link.TO} and not links & {Link.OF, Link.BY, Link.IN}
    if quantity.range_of is not None:
        return False
    if cue.last <= quantity.first:
        return bool(leads)
    # "Up to" behind or within the figure is a limit, no rise.
    return bool(scene.links(cue.last + 1) & {Link.TO})


def _defaults(scene: Scene, quantity: Quantity) -> Iterator[MeasureChoice]:
    """Yield the measures that the unit alone means: a factor is a growth."""
    classes = unit_classes(quantity)
    for measure, units in scene.pack.derive(_default_units).items():
        if classes & units:
            yield MeasureChoice(measure, DEFAULT_SCORES.get(quantity.kind, 2.0), "unit", None)


def _default_units(pack: Pack) -> dict[str, frozenset[str]]:
    """Return the few measures that a unit alone may mean, with these units."""
    return {name: frozenset(rule.default) for name, rule in pack.rules.items() if rule.default}


def _slot(
    scene: Scene, quantity: Quantity, cue: MeasureCue, *, counted: bool
) -> tuple[str | None, float]:
    """Return the slot that the cue fills for the quantity, and the slot's weight."""
    is_count = quantity.kind is QuantityKind.COUNT
    if cue.first >= quantity.last:
        end = min(_behind_pair(scene, quantity), cue.first)
        gap = scene.distance(end, cue.first)
        words = cue.first - end
        if _has_figure_between(scene, _behind_range(scene, quantity), cue.first):
            return (None, 0.0) if counted else ("behind", 2.5 - gap)
        if is_count and words <= _reach(scene, COUNTED_GAP_MAX) and gap < 1.5:
            if ends_at_mark(scene, quantity, cue.first):
                return "behind", 4.0 - 1.5 * gap
            base = BEYOND_COUNTED if _is_beyond(scene, end, cue) else 9.0
            return "counted", base - 2.0 * gap
        if words <= _reach(scene, BEHIND_GAP_MAX):
            beside = BESIDE if words == 0 and not is_count else 0.0
            return "behind", (6.6 if not is_count else 4.0) + beside - 1.5 * gap
        return "behind", 4.0 - gap
    gap = scene.distance(cue.last, quantity.first)
    blocked = 1.0 if _has_figure_between(scene, cue.last, quantity.first) else 0.0
    if is_count and _is_counted_otherwise(scene, quantity, cue):
        return None, 0.0
    if counted:
        # Something is counted that no pack knows: an earlier noun would be a guess.
        return "governing", 3.5 - gap - blocked
    if not is_count and _is_counted(scene, cue):
        blocked += COUNTED_BY_ANOTHER
    return "governing", 7.5 - gap - blocked


def _is_counted(scene: Scene, cue: MeasureCue) -> bool:
    """Whether a number right before the noun counts it: 250 employees get vouchers of 10,000."""
    return any(q.kind is QuantityKind.COUNT and q.last == cue.first for q in scene.quantities)


def _is_counted_otherwise(scene: Scene, quantity: Quantity, cue: MeasureCue) -> bool:
    """Whether the noun is counted right before with another counting word: 60款机器人，31个."""
    own = counting_word(scene, quantity.last)
    if own is None:
        return False
    others = (counting_word(scene, q.last) for q in scene.quantities if _counts(q, cue))
    return any(other is not None and other != own for other in others)


def _counts(quantity: Quantity, cue: MeasureCue) -> bool:
    return quantity.kind is QuantityKind.COUNT and 0 <= cue.first - quantity.last <= 1


def _is_beyond(scene: Scene, end: int, cue: MeasureCue) -> bool:
    """Whether a preposition leads on from what is counted: 506 proposals for models."""
    return any(
        links & ONWARD and not links & {Link.OF}
        for index in range(end + 2, cue.first + 1)
        for links in (scene.links(index),)
    )


def _reach(scene: Scene, words: int) -> int:
    """Return a reach in tokens: words of scripts without spaces have about two characters."""
    held = scene.sentence.tokens
    han = bool(held) and sum(t.kind is TokenKind.HAN for t in held) * 2 > len(held)
    return words * 3 if han else words


def _has_figure_between(scene: Scene, first: int, last: int) -> bool:
    return any(
        first <= other.first and other.last <= last and not other.is_neutral and other.pair is None
        for other in scene.quantities
    )


def _behind_range(scene: Scene, quantity: Quantity) -> int:
    """Return where the range ends that the figure opens: 3 to 5 incubators."""
    if quantity.range_of is None:
        return quantity.last
    return max(quantity.last, scene.quantities[quantity.range_of].last)


def _behind_pair(scene: Scene, quantity: Quantity) -> int:
    """Return where the amount ends, the range and the conversion in brackets included."""
    if quantity.pair is None:
        return _behind_range(scene, quantity)
    partner = scene.quantities[quantity.pair]
    tokens = scene.sentence.tokens
    end = max(quantity.last, partner.last)
    return end + 1 if end < len(tokens) and tokens[end].text in ")）" else end


def _naming_weight(
    scene: Scene,
    quantity: Quantity,
    cue: MeasureCue,
    naming: Naming,
    established: frozenset[str],
) -> float:
    measure, rule = naming.measure, scene.pack.rules[naming.measure]
    words = scene.pack.measures.measures[measure]
    weight = 0.25 * min(cue.last - cue.first, 4) / (2 if _is_han(scene, cue) else 1)
    if rule.general:
        weight -= 0.5
    if rule.bounds and quantity.bound.value not in rule.bounds:
        weight -= 2.0
    confirmed = _confirmed(scene, measure, cue)
    if confirmed is None and measure in scene.confirmed_before:
        # Words of an earlier sentence say less than that the noun alone names another measure.
        confirmed = PLAIN_BEFORE if _names_plainly(scene, cue, naming) else 0.15
    if naming.role is Role.HEAD:
        if any(measure in held for _, held in scene.mentions.excludes):
            return -99.0
        if words.needs:
            if confirmed is None and measure not in established:
                return -99.0
            if confirmed is None and _names_itself(scene, quantity, cue):
                return weight - NOT_HERE
            return weight + (0.3 if confirmed is None else confirmed)
        return weight - 0.8
    if naming.role is Role.VERB:
        return weight - (0.2 if cue.last <= quantity.first else 1.5)
    return weight + (confirmed or 0.0)


def _names_itself(scene: Scene, quantity: Quantity, cue: MeasureCue) -> bool:
    """Whether the noun names another measure that needs no word beside it."""
    classes = unit_classes(quantity)
    return any(
        naming.role is Role.NOUN and classes & set(scene.pack.rules[naming.measure].units)
        for naming in cue.namings
    )


def _names_plainly(scene: Scene, cue: MeasureCue, naming: Naming) -> bool:
    """Whether the same noun names another measure of the same units that needs no other word."""
    rules, words = scene.pack.rules, scene.pack.measures.measures
    units = set(rules[naming.measure].units)
    return naming.role is Role.HEAD and any(
        other.measure != naming.measure
        and other.role is Role.HEAD
        and not words[other.measure].needs
        and units & set(rules[other.measure].units)
        for other in cue.namings
    )


def _is_han(scene: Scene, cue: MeasureCue) -> bool:
    return scene.sentence.tokens[cue.first].kind is TokenKind.HAN


def _confirmed(scene: Scene, measure: str, cue: MeasureCue) -> float | None:
    """Return how strongly a cue in `needs` confirms the measure: near ones more."""
    ways = [
        scene.distance(index, cue.first)
        for index, held in scene.mentions.needs
        if measure in held and not cue.first <= index < cue.last
    ]
    if not ways:
        return None
    return max(0.3, 1.2 - min(ways) / NEEDS_NEAR)


def is_below_zero(scene: Scene, quantity: Quantity, measure: str) -> bool:
    """Whether a word of falling or of loss governs the figure: down 38%, a net loss of 7."""
    rule = scene.pack.rules[measure]
    if quantity.value < 0:
        return False
    if quantity.range_of is not None:
        # What is said of the lower end of a range holds for the upper one.
        quantity = min(quantity, scene.quantities[quantity.range_of], key=lambda q: q.first)
    if (rule.losses or rule.signed) and _has_minus(scene, quantity):
        return True
    if rule.losses and quantity.kind is QuantityKind.MONEY:
        return _is_governed(scene, quantity, scene.pack.derive(_losses))
    if rule.signed and quantity.kind in (QuantityKind.PERCENT, QuantityKind.POINTS):
        return _is_governed(scene, quantity, scene.pack.derive(_falling))
    return False


def _has_minus(scene: Scene, quantity: Quantity) -> bool:
    """Whether a minus stands at the number, and no dash behind another figure: 利润-3亿元."""
    at = quantity.number_first
    if any(other.first <= at - 2 < other.last for other in scene.quantities):
        return False
    return has_minus(scene.sentence.tokens, at)


def _is_governed(scene: Scene, quantity: Quantity, matcher: PhraseMatcher[bool]) -> bool:
    """Whether a word stands before the figure or right behind it, and no other figure between."""
    tokens = scene.sentence.tokens
    clause = scene.clause(quantity.last - 1)
    for first in range(max(0, quantity.first - FALL_PHRASE_MAX), quantity.number_first):
        match = matcher.match(tokens, first)
        if match is not None and first < quantity.first - FALL_BEFORE_MAX:
            # Only a phrase that leads to the figure itself may begin so far before it.
            match = match if match.last == quantity.first else None
        if match is None or match.last > quantity.number_first or scene.clause(first) != clause:
            continue
        if not any(match.last <= q.first < quantity.first for q in scene.quantities):
            return True
    behind = range(quantity.last, min(len(tokens), quantity.last + FALL_BEHIND_MAX))
    return any(
        matcher.match(tokens, first) is not None and scene.clause(first) == clause
        for first in behind
        if not any(quantity.last <= q.first <= first for q in scene.quantities)
    )


def _falling(pack: Pack) -> PhraseMatcher[bool]:
    return _change_words(pack, "fall")


def _losses(pack: Pack) -> PhraseMatcher[bool]:
    return _change_words(pack, "loss")


def _change_words(pack: Pack, kind: str) -> PhraseMatcher[bool]:
    words = pack.grammar.change.get(kind, ())
    return PhraseMatcher([(phrase, True) for phrase in words], pack.tokenizer)

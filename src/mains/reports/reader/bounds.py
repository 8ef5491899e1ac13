"""Bounds, ranges and conversions: what stands beside and between quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mains.reports.packs import Match, Pack, PhraseMatcher, Token, TokenKind
from mains.reports.packs.models import BoundWords
from mains.reports.reader.figures import Quantity, QuantityKind
from mains.reports.values import Bound

FILLERS_MAX: Final = 3
OPENERS: Final = "(（[［"
PAIR_GAP_TOKENS_MAX: Final = 3
SHARED_SCALE_BELOW: Final = 1000
CHANGED_REACH_TOKENS: Final = 2
CHANGE_REACH_TOKENS: Final = 6
DENIAL_REACH_TOKENS: Final = 5
RESULT_REACH_TOKENS: Final = 14
CHANGES: Final = ("rise", "fall")
DASHES: Final = "-–—‑~～"
UNBOUNDED: Final = frozenset(
    {
        QuantityKind.NAME_NUMBER,
        QuantityKind.VAGUE,
        QuantityKind.SUPERLATIVE,
        QuantityKind.FIRST,
        QuantityKind.RANK,
        QuantityKind.YEAR,
        QuantityKind.ORDINAL,
    }
)


class BoundMatchers:
    """The bound words of a pack; made once per pack."""

    def __init__(self, pack: Pack) -> None:
        words = pack.grammar.bounds
        tokenizer = pack.tokenizer
        self.before = PhraseMatcher([*_phrases(words), *_phrases(pack.root.bounds)], tokenizer)
        self.after = PhraseMatcher(
            [*_phrases(words.after), *_phrases(pack.root.bounds.after)], tokenizer
        )
        self.fillers = PhraseMatcher([(phrase, True) for phrase in words.fillers], tokenizer)
        self.no_bounds = PhraseMatcher([(phrase, True) for phrase in words.not_bounds], tokenizer)
        self.denials = PhraseMatcher(
            [
                *((_exact(phrase), True) for phrase in pack.grammar.negations),
                *((phrase, False) for phrase in words.not_denied),
            ],
            tokenizer,
        )
        self.no_duration = PhraseMatcher([(phrase, True) for phrase in words.not_before], tokenizer)
        self.no_change = PhraseMatcher(
            [(phrase, True) for phrase in words.not_after_change], tokenizer
        )
        ranges = pack.grammar.ranges
        self.range_to = PhraseMatcher([(f"{word}=", True) for word in ranges.to], tokenizer)
        self.range_pairs = [
            (
                PhraseMatcher([(f"{opener}=", True)], tokenizer),
                PhraseMatcher([(f"{middle}=", True)], tokenizer),
                (opener, middle) in ranges.change,
            )
            for opener, middle in ranges.between
        ]
        self.dash = ranges.dash
        self.change = PhraseMatcher(
            [(phrase, True) for kind in CHANGES for phrase in pack.grammar.change.get(kind, ())],
            tokenizer,
        )
        joins = (*pack.grammar.clauses.conjunctions, ",", "，", "、")
        self.joins = PhraseMatcher([(phrase, True) for phrase in joins], tokenizer)


def _exact(phrase: str) -> str:
    return phrase if phrase.endswith(("=", "*")) else f"{phrase}="


def _phrases(words: BoundWords) -> list[tuple[str, Bound]]:
    return [
        *((phrase, Bound.AT_LEAST) for phrase in words.at_least),
        *((phrase, Bound.MORE_THAN) for phrase in words.more_than),
        *((phrase, Bound.AT_MOST) for phrase in words.at_most),
        *((phrase, Bound.AT_MOST) for phrase in words.less_than),
        *((phrase, Bound.UP_TO) for phrase in words.up_to),
        *((phrase, Bound.ABOUT) for phrase in words.about),
    ]


def bounded(
    found: Sequence[Quantity], tokens: Sequence[Token], pack: Pack, taken: set[int]
) -> list[Quantity]:
    """Return the quantities with the bound words beside them, which their spans take in."""
    matchers = pack.derive(BoundMatchers)
    blocked = {
        index
        for match in matchers.no_bounds.find(tokens)
        for index in range(match.first, match.last)
    }
    numbers = {index for held in found for index in range(held.number_first, held.number_last)}
    used = taken | numbers
    result: list[Quantity] = []
    for held in found:
        if held.kind in UNBOUNDED or held.in_word:
            result.append(held)
            continue
        held = _bounded_inside(held, tokens, matchers)
        before = _before(held, tokens, matchers, blocked | used)
        after = _after(held, tokens, matchers, blocked | used)
        result.append(_with_bound(held, tokens, before, after))
    return result


def _before(
    held: Quantity, tokens: Sequence[Token], matchers: BoundMatchers, barred: set[int]
) -> tuple[Bound, int] | None:
    at = held.first
    for _ in range(FILLERS_MAX):
        match = matchers.before.ending_at(tokens, at)
        if match is not None and not barred & set(range(match.first, match.last)):
            if _is_no_bound(held, tokens, matchers, match):
                return None
            if match.payload is Bound.MORE_THAN and _is_denied(tokens, matchers, match.first):
                return Bound.AT_MOST, match.first
            return match.payload, match.first
        filler = matchers.fillers.ending_at(tokens, at)
        if filler is None:
            return None
        at = filler.first
    return None


def _bounded_inside(held: Quantity, tokens: Sequence[Token], matchers: BoundMatchers) -> Quantity:
    """Return a factor with the bound that its own words say: more than double."""
    if held.kind is not QuantityKind.RATIO or held.bound is not Bound.EXACT:
        return held
    for index in range(held.first, held.last):
        match = matchers.before.match(tokens, index)
        if match is not None and match.last < held.last:
            return replace(held, bound=match.payload)
    return held


def _is_denied(tokens: Sequence[Token], matchers: BoundMatchers, index: int) -> bool:
    """Whether the clause denies what follows: no firm may receive more than 20 million."""
    first = index
    while first > max(0, index - DENIAL_REACH_TOKENS) and tokens[first - 1].is_word:
        first -= 1
    held = matchers.denials.find(tokens[first:index])
    return any(match.payload for match in held)


def _is_no_bound(
    held: Quantity, tokens: Sequence[Token], matchers: BoundMatchers, match: Match[Bound]
) -> bool:
    """Whether the word is a bound elsewhere only: over five years; rose *to* 47 %."""

    def same(other: Match[bool] | None) -> bool:
        return other is not None and other.last == match.last

    if same(matchers.no_change.match(tokens, match.first)):
        # Behind a comma it says where the change before has led: sales rose 12%, to 2 billion.
        led = match.first > 0 and tokens[match.first - 1].text in ",，"
        return _changes(tokens, match.first, matchers, reach=RESULT_REACH_TOKENS if led else 2)
    is_duration = held.kind is QuantityKind.DURATION
    return is_duration and same(matchers.no_duration.match(tokens, match.first))


def _after(
    held: Quantity, tokens: Sequence[Token], matchers: BoundMatchers, barred: set[int]
) -> tuple[Bound, int, int] | None:
    """Return the bound word after the figure or, in its middle, after the number."""
    for at in (held.last, held.number_last, held.last + 1):
        if at >= len(tokens):
            continue
        match = matchers.after.match(tokens, at)
        # A noun may stand between the figure and the word: "ten firms or more".
        apart = at > held.last and tokens[held.last].kind is not TokenKind.HAN
        if (
            match is not None
            and apart
            and (match.last - match.first < 2 or tokens[held.last].kind is not TokenKind.WORD)
        ):
            continue
        if match is not None and not barred & set(range(match.first, match.last + 1)):
            return match.payload, match.first, match.last
    return None


def _with_bound(
    held: Quantity,
    tokens: Sequence[Token],
    before: tuple[Bound, int] | None,
    after: tuple[Bound, int, int] | None,
) -> Quantity:
    first, last, bound = held.first, held.last, held.bound
    if after is not None:
        bound, last = after[0], max(held.last, after[2])
    if before is not None:
        bound, first = before
    if (first, last, bound) == (held.first, held.last, held.bound):
        return held
    start, end = tokens[first].start, tokens[last - 1].end
    return replace(held, bound=bound, first=first, last=last, start=start, end=end)


def ranged(found: Sequence[Quantity], tokens: Sequence[Token], pack: Pack) -> list[Quantity]:
    """Return the quantities with ranges marked, and units shared between neighbours."""
    matchers = pack.derive(BoundMatchers)
    result = list(found)
    for index in range(len(result) - 1, 0, -1):
        low, high = result[index - 1], result[index]
        if low.kind in UNBOUNDED or high.kind in UNBOUNDED:
            continue
        between = tuple(tokens[low.last : high.first])
        if len(between) > FILLERS_MAX + 1:
            continue
        low, high = (
            _shared(low, high)
            if _is_short_list(between, matchers, tokens, low, high)
            else (low, high)
        )
        if _is_range(low, high, tokens, matchers):
            low, high = _ends(low, high, index)
        result[index - 1], result[index] = low, high
    return result


def _is_short_list(
    between: Sequence[Token],
    matchers: BoundMatchers,
    tokens: Sequence[Token],
    low: Quantity,
    high: Quantity,
) -> bool:
    if len(between) == 1 and between[0].text in DASHES:
        return True
    for matcher in (matchers.joins, matchers.range_to, *(pair[1] for pair in matchers.range_pairs)):
        match = matcher.match(tokens, low.last)
        if match is None:
            continue
        bound = matchers.before.match(tokens, match.last)
        if high.first in (match.last, bound.last if bound is not None else match.last):
            return True
    return False


def _shared(low: Quantity, high: Quantity) -> tuple[Quantity, Quantity]:
    """Share the unit, and in a list also the scale, that only one of two neighbours has."""
    if high.kind is QuantityKind.DURATION and low.scale > 1:
        # A loan of 150 million at five years.
        return low, high
    if high.kind is QuantityKind.PERCENT and low.scale > 1:
        # 315 million, a fifth more than the year before.
        return low, high
    if low.unit is None and high.unit is not None and high.kind is not QuantityKind.RATIO:
        low = _scaled(low, high)
        value = low.value * high.factor
        return replace(low, unit=high.unit, kind=high.kind, value=value, factor=high.factor), high
    if low.kind is QuantityKind.MONEY and high.unit is None and low.scale == 1 < high.scale:
        return _scaled(low, high), replace(high, unit=low.unit, kind=low.kind)
    if low.kind is QuantityKind.MONEY and high.unit is None and low.scale == high.scale == 1:
        # ₹210-240: only a dash says that the number behind is of the same.
        glued = low.end + 1 == high.start
        return (low, replace(high, unit=low.unit, kind=low.kind)) if glued else (low, high)
    if low.unit is None and high.unit is None:
        return _scaled(low, high), high
    return low, high


def _scaled(low: Quantity, high: Quantity) -> Quantity:
    """Give a small number without magnitude that of its neighbour: 5 to 10 million."""
    coefficient = high.value / (high.scale * high.factor)
    if low.scale == 1 < high.scale and (low.value < SHARED_SCALE_BELOW or low.value < coefficient):
        return replace(low, value=low.value * high.scale, scale=high.scale)
    return low


def _is_range(
    low: Quantity, high: Quantity, tokens: Sequence[Token], matchers: BoundMatchers
) -> bool:
    if low.unit != high.unit or low.value >= high.value:
        return False
    between = tokens[low.last : high.first]
    if matchers.dash and len(between) == 1 and between[0].text in DASHES:
        return True
    for opener, middle, change in matchers.range_pairs:
        match = middle.match(tokens, low.last)
        if match is None or match.last != high.first:
            continue
        opened = opener.ending_at(tokens, low.first)
        changes = change and (
            _changes(tokens, opened.first if opened is not None else low.first, matchers)
            or _is_changed(tokens, high.last, matchers)
        )
        if opened is not None and not changes:
            return True
    match = matchers.range_to.match(tokens, low.last)
    if match is None or match.last != high.first:
        return False
    return not any(
        opener.ending_at(tokens, low.first) is not None
        for opener, middle, _ in matchers.range_pairs
        if middle.match(tokens, low.last) is not None
    )


def _changes(
    tokens: Sequence[Token],
    index: int,
    matchers: BoundMatchers,
    reach: int = CHANGE_REACH_TOKENS,
) -> bool:
    """Whether a verb of change stands before: rose from 5 to 10 is no range."""
    return any(
        matchers.change.match(tokens, at) is not None for at in range(max(0, index - reach), index)
    )


def _is_changed(tokens: Sequence[Token], index: int, matchers: BoundMatchers) -> bool:
    """Whether a verb of change closes the clause behind: von 5 auf 10 erhöhen is no range."""
    spots = range(index, min(index + CHANGED_REACH_TOKENS, len(tokens)))
    return any(matchers.change.match(tokens, at) is not None for at in spots)


def _ends(low: Quantity, high: Quantity, index: int) -> tuple[Quantity, Quantity]:
    return (
        replace(low, bound=Bound.AT_LEAST, range_of=index),
        replace(high, bound=Bound.AT_MOST, range_of=index - 1),
    )


def paired(found: Sequence[Quantity], tokens: Sequence[Token]) -> list[Quantity]:
    """Return the quantities with conversions in brackets paired, and their bounds inherited."""
    result = list(found)
    for index in range(1, len(result)):
        amount, other = result[index - 1], result[index]
        if not _restates(amount, other):
            continue
        between = tokens[amount.last : other.first]
        bracket = next((i for i, token in enumerate(between) if token.text in OPENERS), None)
        if bracket is None or bracket > PAIR_GAP_TOKENS_MAX or len(between) - bracket > 2:
            continue
        if other.bound is Bound.EXACT and amount.bound is not Bound.EXACT:
            other = replace(other, bound=amount.bound, inherited=True)
        result[index - 1] = replace(amount, pair=index)
        result[index] = replace(other, pair=index - 1)
    return result


def _restates(amount: Quantity, other: Quantity) -> bool:
    if amount.kind is QuantityKind.MONEY and other.kind is QuantityKind.MONEY:
        return amount.unit != other.unit
    return (
        amount.kind is QuantityKind.MEASURE
        and amount.unit == other.unit
        and amount.value == other.value
    )

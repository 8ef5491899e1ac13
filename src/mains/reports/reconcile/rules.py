"""How two claims relate: one decision for each pair, with the code of its reason.

`relate` asks in a fixed order: is it one measure of one subject, a variant of the measure, or only
the same number? A claim that is not bound, or waits for a review, relates to nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from mains.reports.reconcile import never
from mains.reports.reconcile.facts import DATE, YEAR_DAYS_MAX
from mains.reports.reconcile.intervals import (
    CHANGE_TIMES_MAX,
    DISPUTE_TIMES_MAX,
    LOWER,
    UPPER,
    are_comparable,
    are_near,
    is_rounding,
    significant_digits,
)
from mains.reports.reconcile.periods import MONTH_DAYS_MAX, Span, is_one_time
from mains.reports.reconcile.reasons import Code, Verdict
from mains.reports.reconcile.sides import Side, as_original
from mains.reports.reconcile.vocabulary import (
    is_fixed,
    is_general,
    is_only_ranked,
    nouns_of,
    parts,
    sector_of,
    variants_of,
    within,
    words,
)
from mains.reports.values import Bound, EdgeKind, Modality, Status

BREATH_CHARACTERS_MAX: Final = 32
"""A date this near to another is said in one breath with it."""
TELLING_DIGITS_MIN: Final = 3
"""Two figures that agree in so many digits are no chance."""


def relate(a: Side, b: Side) -> Verdict | None:
    """Return how two claims relate, or None where they are unrelated."""
    if a.claim.id == b.claim.id or not (is_bound(a) and is_bound(b)):
        return None
    if (b.claim.doc, b.claim.start, b.claim.id) < (a.claim.doc, a.claim.start, a.claim.id):
        a, b = b, a
    if a.subject == b.subject and a.measure == b.measure:
        return _one_measure(a, b)
    return _variants(a, b) or never.merge(a, b)


def is_bound(side: Side) -> bool:
    """Whether the claim may relate to others at all."""
    claim = side.claim
    return (
        claim.status is Status.ACCEPTED
        and claim.subject is not None
        and claim.measure is not None
        and not claim.is_neutral
    )


def _one_measure(a: Side, b: Side) -> Verdict | None:
    if a.claim.unit != b.claim.unit:
        return _other_unit(a, b)
    if _in_one_document(a, b) and a.scope.is_headline != b.scope.is_headline:
        body, headline = (b, a) if a.scope.is_headline else (a, b)
        return _headline(body, headline)
    if a.claim.modality is not b.claim.modality:
        return _differ(a, b, Code.OTHER_MODALITY)
    if a.claim.unit == DATE:
        return _dates(a, b)
    if a.number is None or b.number is None:
        return None
    if is_general(a.measure) and not (a.scope.words and b.scope.words):
        return _of_something(a, b)
    if a.scope.words != b.scope.words:
        return _other_scope(a, b)
    return _in_time(a, b)


def _other_unit(a: Side, b: Side) -> Verdict | None:
    """Compare across units: only an amount and its conversion are one figure."""
    for original, converted in ((a, b), (b, a)):
        if converted.original is not None and _is_original(original, converted):
            direct = converted.original.id == original.claim.id
            code = Code.CONVERTED if direct else Code.CONVERTED_RESTATED
            return Verdict(EdgeKind.CONVERSION, original, converted, code)
    if a.is_money and b.is_money:
        return _through_original(a, b)
    if _in_one_document(a, b) and not (a.scope.is_headline or b.scope.is_headline):
        return _differ(a, b, Code.OTHER_UNIT)
    return None


def _is_original(side: Side, converted: Side) -> bool:
    first = converted.original
    return (
        first is not None
        and _in_one_document(side, converted)
        and side.original is None
        and (side.claim.unit, side.claim.value) == (first.unit, first.value)
    )


def _through_original(a: Side, b: Side) -> Verdict | None:
    """Set a converted amount beside a figure in its original's currency: bounds alone compare."""
    for other, converted in ((a, b), (b, a)):
        first = converted.original
        if first is None or first.unit != other.claim.unit or other.original is not None:
            continue
        original = as_original(converted)
        met = None if _in_one_document(a, b) else relate(other, original)
        if met is not None and met.kind is EdgeKind.COMPATIBLE_BOUNDS:
            return Verdict(met.kind, other, converted, Code.BOUNDS_MEET_CONVERTED)
    return None


def _headline(body: Side, headline: Side) -> Verdict | None:
    """Compare a headline with the text under it."""
    if body.claim.unit == DATE:
        return _dates(body, headline)
    if body.number is None or headline.number is None or body.original is not None:
        return None
    near = are_near(body.number, headline.number)
    fits = _is_part(body, headline)
    if body.number == headline.number and body.claim.bound is headline.claim.bound and fits:
        return Verdict(EdgeKind.SAME, body, headline, Code.SAME_HEADLINE)
    is_one_mode = body.claim.modality is headline.claim.modality
    if near and fits and is_one_mode and _is_more_exact(headline, body):
        return Verdict(EdgeKind.REFINES, headline, body, Code.MORE_EXACT_HEADLINE)
    if near or (fits and is_one_mode and headline.interval.holds(body.interval)):
        return Verdict(EdgeKind.HEADLINE_DRIFT, body, headline, Code.HEADLINE)
    if not is_one_mode:
        return _differ(body, headline, Code.OTHER_MODALITY)
    if not fits:
        return _differ(body, headline, Code.OTHER_SCOPE)
    return _half_dated(body, headline) if body.time and not headline.time else None


def _dates(a: Side, b: Side) -> Verdict | None:
    if a.days is None or b.days is None:
        return None
    is_one_scope = a.scope.words == b.scope.words
    is_whole = not (a.scope.words and b.scope.words)
    if a.days == b.days:
        return Verdict(EdgeKind.SAME, a, b, Code.SAME) if is_one_scope or is_whole else None
    inner, outer = (a, b) if b.days.holds(a.days) else (b, a)
    if outer.days is None or inner.days is None or not outer.days.holds(inner.days):
        return _days_apart(a, b)
    if is_one_scope or (is_whole and _in_one_breath(a, b)):
        return Verdict(EdgeKind.REFINES, inner, outer, Code.MORE_EXACT_DATE)
    if outer.days.days <= MONTH_DAYS_MAX:
        return _differ(a, b, Code.PART_OF_EVENT)
    return None


def _days_apart(a: Side, b: Side) -> Verdict | None:
    if a.scope.words != b.scope.words:
        return _differ(a, b, Code.OTHER_EVENT)
    names_event = bool(a.scope.words) or (a.subject or "").startswith("event:")
    return _exclude(a, b, Code.EXCLUDE) if names_event else None


def _other_scope(a: Side, b: Side) -> Verdict | None:
    """Tell parts apart; figures that agree to the last of many digits are one all the same."""
    if _is_converted(a, b):
        return None
    if a.number is not None and a.number == b.number and a.claim.bound is b.claim.bound:
        is_part = a.scope.words <= b.scope.words or b.scope.words <= a.scope.words
        if is_part and len(significant_digits(a.number)) >= TELLING_DIGITS_MIN:
            return Verdict(EdgeKind.SAME, a, b, Code.SAME_DIGITS)
    return _differ(a, b, Code.OTHER_SCOPE)


def _of_something(a: Side, b: Side) -> Verdict | None:
    """Compare rates and shares of which no scope says what they are of: digits alone can tell."""
    is_telling = a.number == b.number and a.claim.bound is b.claim.bound
    if not is_telling or len(significant_digits(a.number or Decimal(0))) < TELLING_DIGITS_MIN:
        return None
    return Verdict(EdgeKind.SAME, a, b, Code.SAME_DIGITS)


def _in_time(a: Side, b: Side) -> Verdict | None:
    if a.time is not None and b.time is not None:
        if is_one_time(a.time, b.time):
            return _by_value(a, b, Code.SAME) or _exclude(a, b, Code.EXCLUDE)
        return _two_times(a, b, a.time, b.time)
    if a.claim.period != b.claim.period:
        return _half_dated(a, b)
    return _undated(a, b)


def _two_times(a: Side, b: Side, a_time: Span, b_time: Span) -> Verdict | None:
    if _is_converted(a, b):
        return None
    is_one_year = a_time.first.year == b_time.last.year or b_time.first.year == a_time.last.year
    is_flow = a.measure in words().flows and is_one_year
    if a_time.meets(b_time) or is_flow or a.claim.modality is not Modality.OBSERVED:
        return _differ(a, b, Code.OTHER_PERIOD)
    older, newer = (a, b) if a_time < b_time else (b, a)
    return Verdict(EdgeKind.UPDATE, older, newer, Code.LATER_PERIOD)


def _half_dated(a: Side, b: Side) -> Verdict | None:
    """Compare a dated figure with one that stands for the time of its document."""
    found = _by_value(a, b, Code.SAME_UNDATED)
    if found is not None or _is_converted(a, b) or a.claim.modality is not Modality.OBSERVED:
        return found
    a_time, b_time = a.time or a.now, b.time or b.now
    if a_time is None or b_time is None or a_time.meets(b_time):
        return None
    older, newer = (a, b) if a_time < b_time else (b, a)
    if not _moves(older, newer) or _may_be_old(older, newer):
        return None
    return Verdict(EdgeKind.UPDATE, older, newer, Code.LATER_THAN_DATED)


def _may_be_old(older: Side, newer: Side) -> bool:
    """Whether the newer is a headline of so soon after that it may stand for the same time."""
    at, now = older.time, newer.now
    is_soon = at is not None and now is not None and (now.first - at.last).days <= YEAR_DAYS_MAX
    return newer.scope.is_headline and is_soon


def _undated(a: Side, b: Side) -> Verdict | None:
    if a.measure in words().events and not a.scope.words:
        return _one_event(a, b) or _differ(a, b, Code.OTHER_EVENT)
    ordered = None if is_fixed(a.measure, a.scope) else _by_document(a, b)
    if ordered is not None and ordered[0].claim.bound in LOWER and _is_more(*ordered):
        return _later_document(*ordered)
    found = _by_value(a, b, Code.SAME)
    if found is not None:
        return found
    if ordered is not None and _moves(*ordered):
        return _later_document(*ordered)
    if ordered is None and _may_be_two_times(a, b):
        return _differ(a, b, Code.ORDER_UNKNOWN)
    return _exclude(a, b, Code.EXCLUDE_FIXED)


def _may_be_two_times(a: Side, b: Side) -> bool:
    """Whether what changes was observed by two documents of which nobody knows the later."""
    if a.claim.modality is not Modality.OBSERVED or is_fixed(a.measure, a.scope):
        return False
    is_one_day = a.now is not None and a.now == b.now and a.now.days <= MONTH_DAYS_MAX
    return not (_in_one_document(a, b) or is_one_day)


def _later_document(older: Side, newer: Side) -> Verdict | None:
    assert older.number is not None and newer.number is not None
    if not (older.is_rank or are_comparable(older.number, newer.number, CHANGE_TIMES_MAX)):
        return _differ(older, newer, Code.TOO_FAR)
    return Verdict(EdgeKind.UPDATE, older, newer, Code.LATER_DOCUMENT)


def _one_event(a: Side, b: Side) -> Verdict | None:
    """Take two nameless events for one only where their figures agree, or are one range."""
    found = _by_value(a, b, Code.SAME)
    is_room = found is not None and found.code is Code.BOUNDS_MEET
    return None if is_room else found


def _by_document(a: Side, b: Side) -> tuple[Side, Side] | None:
    """Return the observed figures in the order of their documents' times, if that is known."""
    if _is_converted(a, b) or a.claim.modality is not Modality.OBSERVED:
        return None
    if a.now is None or b.now is None or a.now.meets(b.now):
        return None
    return (a, b) if a.now.last < b.now.last else (b, a)


def _by_value(a: Side, b: Side, code: Code) -> Verdict | None:
    """Compare two figures of one scope and time that may both hold; None if they exclude."""
    assert a.number is not None and b.number is not None, "figures without a number went before"
    if not a.interval.meets(b.interval):
        return _loosely(a, b, a.number, b.number)
    if a.number == b.number and a.claim.bound is b.claim.bound:
        return Verdict(EdgeKind.SAME, a, b, code)
    for exact, loose in ((a, b), (b, a)):
        # A headline drops bound words, so that of another document it sharpens no bound.
        is_dropped = exact.scope.is_headline and loose.claim.bound is not Bound.ABOUT
        if not is_dropped and are_near(a.number, b.number) and _is_more_exact(exact, loose):
            return Verdict(EdgeKind.REFINES, exact, loose, Code.MORE_EXACT)
    bounds = (a.claim.bound, b.claim.bound)
    is_range = _in_one_document(a, b) and any(each in LOWER for each in bounds)
    is_range = is_range and any(each in UPPER for each in bounds)
    reason = Code.RANGE if is_range else Code.BOUNDS_MEET
    return Verdict(EdgeKind.COMPATIBLE_BOUNDS, a, b, reason)


def _loosely(a: Side, b: Side, a_number: Decimal, b_number: Decimal) -> Verdict | None:
    """Compare figures that exclude each other to the letter, but not as people round and guess."""
    if is_rounding(a_number, b_number) and a.claim.bound is b.claim.bound is Bound.EXACT:
        return Verdict(EdgeKind.REFINES, a, b, Code.MORE_EXACT)
    if is_rounding(b_number, a_number) and a.claim.bound is b.claim.bound is Bound.EXACT:
        return Verdict(EdgeKind.REFINES, b, a, Code.MORE_EXACT)
    is_guess = Bound.ABOUT in (a.claim.bound, b.claim.bound)
    if is_guess and are_near(a_number, b_number):
        return Verdict(EdgeKind.COMPATIBLE_BOUNDS, a, b, Code.BOUNDS_MEET)
    return None


def _is_more_exact(exact: Side, loose: Side) -> bool:
    """Whether the first says within the second's interval, and more sharply."""
    if exact.number is None or loose.number is None or not loose.interval.holds(exact.interval):
        return False
    if exact.claim.bound is Bound.EXACT:
        # "up to 60" is a limit, and 60 within it another statement; "more than 60" is not 60.
        is_edge = exact.number == loose.number and loose.claim.bound not in (
            Bound.ABOUT,
            Bound.AT_LEAST,
        )
        return loose.claim.bound is not Bound.EXACT and not is_edge
    both_about = exact.claim.bound is Bound.ABOUT and loose.claim.bound is Bound.ABOUT
    digits = len(significant_digits(exact.number)) - len(significant_digits(loose.number))
    return both_about and digits > 0


def _moves(older: Side, newer: Side) -> bool:
    """Whether the newer figure can be what the older has become."""
    return newer.measure in words().moving or _is_more(older, newer)


def _is_more(older: Side, newer: Side) -> bool:
    """Whether it grew; a place grows towards the first."""
    assert older.number is not None and newer.number is not None
    if older.is_rank:
        return newer.number < older.number
    return newer.number > older.number


def _exclude(a: Side, b: Side, code: Code) -> Verdict | None:
    """Return the contradiction of two figures that cannot both hold.

    Headlines round and conversions have their original, so that neither founds one; nor does an
    author contradict himself, unless he reports two speakers. Whose a figure is has to be said in
    its own sentence, or by a review: what was inferred from the text around accuses nobody. A
    figure of "now" contradicts none that gives no time at all.
    """
    if not (a.is_named and b.is_named) or a.is_of_now != b.is_of_now:
        return None
    if a.scope.is_headline or b.scope.is_headline or _is_converted(a, b):
        return None
    if _in_one_document(a, b) and a.claim.speaker == b.claim.speaker:
        return None
    if not _is_dispute(a, b):
        return _differ(a, b, Code.TOO_FAR)
    return Verdict(EdgeKind.CONFLICT, a, b, code)


def _is_dispute(a: Side, b: Side) -> bool:
    if a.number is None or b.number is None:
        return True
    if a.is_rank:
        return abs(a.number - b.number) <= 1
    return are_comparable(a.number, b.number, DISPUTE_TIMES_MAX)


def _variants(a: Side, b: Side) -> Verdict | None:
    """Tell apart measures, and subjects, that a reader takes for each other."""
    if a.scope.is_headline or b.scope.is_headline or _is_converted(a, b):
        return None
    if a.subject == b.subject:
        return _of_one_subject(a, b)
    if a.measure == b.measure:
        is_one_figure = (a.claim.unit, a.scope.words) == (b.claim.unit, b.scope.words)
        is_near = _in_one_document(a, b) and (is_one_figure or a.claim.unit == DATE)
        is_related = is_near and _are_related(a, b)
        return _differ(a, b, Code.PART_OF_SUBJECT) if is_related else None
    if a.is_rank != b.is_rank:
        return _rank_and_peer(*((a, b) if a.is_rank else (b, a)))
    shares_noun = nouns_of(a.measure) & nouns_of(b.measure)
    is_alike = _kind(a) == _kind(b) and a.claim.modality is b.claim.modality
    if shares_noun and is_alike and _in_one_document(a, b):
        return _differ(a, b, Code.OTHER_NOUN)
    return None


def _of_one_subject(a: Side, b: Side) -> Verdict | None:
    if a.is_rank != b.is_rank:
        rank, count = (a, b) if a.is_rank else (b, a)
        is_variant = rank.base != count.measure and nouns_of(rank.base) & nouns_of(count.measure)
        is_one_mode = rank.claim.modality is count.claim.modality
        return _differ(rank, count, Code.RANK_AND_COUNT) if is_variant and is_one_mode else None
    if words().growth.measure in (a.measure, b.measure):
        level, growth = (b, a) if a.measure == words().growth.measure else (a, b)
        return _level_and_growth(level, growth)
    if variants_of(a.measure) & variants_of(b.measure) and a.is_money == b.is_money:
        return _differ(a, b, Code.OTHER_MEASURE)
    return None


def _level_and_growth(level: Side, growth: Side) -> Verdict | None:
    """Tell a level from a growth of nearly the same: of its sector, but of a part or a time."""
    if level.measure not in words().growth.of:
        return None
    if level.claim.modality is not growth.claim.modality:
        return None
    sector = sector_of(level.measure)
    if growth.scope.words - parts() != sector:
        return None
    level_parts = (level.scope.words | _parts_of(level)) & parts()
    is_one_part = level_parts == growth.scope.words & parts()
    if is_one_part and level.time and growth.time and is_one_time(level.time, growth.time):
        return None
    return _differ(level, growth, Code.LEVEL_AND_GROWTH)


def _parts_of(level: Side) -> frozenset[str]:
    return frozenset(part for part in words().growth.parts if part in level.measure.split("_"))


def _rank_and_peer(rank: Side, count: Side) -> Verdict | None:
    """Set the first by one definition beside another's count by a wider one."""
    is_variant = rank.base != count.measure and nouns_of(rank.base) & nouns_of(count.measure)
    are_peers = _kind(rank) == _kind(count) and rank.number == 1 and is_only_ranked(rank.base)
    return _differ(rank, count, Code.RANK_AND_PEER) if is_variant and are_peers else None


def _are_related(a: Side, b: Side) -> bool:
    """Whether one subject is a part or a product of the other."""
    known = within()
    if known.get(a.subject or "") == b.subject or known.get(b.subject or "") == a.subject:
        return True
    short, long = sorted((_name(a), _name(b)), key=len)
    return _kind(a) != _kind(b) and long.startswith(f"{short}-")


def _kind(side: Side) -> str:
    return (side.subject or "").partition(":")[0]


def _name(side: Side) -> str:
    return (side.subject or "").partition(":")[2]


def _is_part(body: Side, headline: Side) -> bool:
    """Whether the headline's scope can be the text's, said in fewer words or in more."""
    a, b = body.scope.words, headline.scope.words
    return a <= b or b <= a


def _is_converted(a: Side, b: Side) -> bool:
    return a.original is not None or b.original is not None


def _in_one_document(a: Side, b: Side) -> bool:
    return a.claim.doc == b.claim.doc


def _in_one_breath(a: Side, b: Side) -> bool:
    gap = max(a.claim.start, b.claim.start) - min(a.claim.end, b.claim.end)
    return _in_one_document(a, b) and gap <= BREATH_CHARACTERS_MAX


def _differ(a: Side, b: Side, code: Code) -> Verdict | None:
    return None if _is_converted(a, b) else Verdict(EdgeKind.SCOPE_DIFFERS, a, b, code)

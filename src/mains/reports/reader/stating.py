"""What a trigger states: its subjects and objects, found by the sentence's structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, TokenKind
from mains.reports.packs.predicates import predicate_rules, predicate_words
from mains.reports.reader.ends import LOOKS, PERSON, End
from mains.reports.reader.frames import (
    BREAKS,
    COMMAS,
    QUOTES,
    Marked,
    Trigger,
    items,
    matcher_of,
    needs_of,
    phrase_after,
    prepositions,
    skip,
    words_in,
)
from mains.reports.values import Modality

QUOTE_WORDS_MAX: Final = 12
SUBJECT_WORDS_MAX: Final = 8
OBJECT_TOKENS_MAX: Final = 14
PLANNING: Final = frozenset({"plans"})


@dataclass(frozen=True, slots=True)
class Found:
    """A relation in one sentence, by token indices; `quote` is [first, last)."""

    predicate: str
    subject: End
    object: End
    first: int
    last: int
    modality: Modality
    note: str | None = None


def stated(marked: Marked, trigger: Trigger, topic: End | None) -> tuple[list[Found], End | None]:
    """Return what a trigger states, and the subject that the sentence goes on with."""
    rule = predicate_rules()[trigger.predicate]
    if trigger.form in ("links", "links_back"):
        return list(_linked(marked, trigger)), topic
    if trigger.form == "passives":
        subjects = _agents(marked, trigger)
        objects = _patients(marked, trigger, topic)
        if not objects or needs_of(marked.pack, trigger.predicate).match(
            marked.tokens, trigger.first
        ):
            objects = [_own_noun(marked, trigger)]
    else:
        subjects = _subjects(marked, trigger, topic)
        objects = _objects(marked, trigger, listed=rule.listed)
        if trigger.form != "subjects" and subjects and subjects[0].id is not None:
            topic = subjects[0]
    pairs = [
        (subject, object_)
        for subject in subjects
        for object_ in objects
        if subject.text != object_.text and (subject.id is None or subject.id != object_.id)
    ]
    far = objects
    if rule.swapped:
        cue = _cue(marked, trigger.predicate)
        pairs = [(object_, cue or subject) for subject, object_ in pairs]
    elif trigger.form == "passives":
        far = subjects
    modality = _modality(marked, trigger)
    return [
        Found(
            trigger.predicate,
            subject,
            object_,
            *_quote(marked, trigger, subject if subject in far else object_, far[0]),
            modality,
        )
        for subject, object_ in pairs
        if _fits(subject, rule.subjects, named=rule.named_subject)
        and not _is_figure(marked, subject)
        and not _is_figure(marked, object_)
        and _fits(object_, rule.objects, named=rule.named_object)
    ], topic


def _is_figure(marked: Marked, end: End) -> bool:
    """Whether a phrase is a figure with its noun: that is a claim, and no relation."""
    if end.id is not None or end.by == "dropped":
        return False
    held = marked.tokens[end.first : end.last]
    at = next((at for at, token in enumerate(held) if token.kind is TokenKind.NUMBER), None)
    return at is not None and words_in(held[:at]) <= 1


def _fits(end: End, kinds: Sequence[str], *, named: bool) -> bool:
    if end.id is None:
        return not named
    return not kinds or end.kind in kinds


def _linked(marked: Marked, trigger: Trigger) -> Iterator[Found]:
    """Two things named right beside the linking words."""
    rule = predicate_rules()[trigger.predicate]
    before = next((end for end in marked.ends if end.last == trigger.first), None)
    after = next((end for end in marked.ends if end.first == trigger.last), None)
    if before is None or after is None or LOOKS in (before.by, after.by):
        return
    subject, object_ = (before, after) if trigger.form == "links" else (after, before)
    if _fits(subject, rule.subjects, named=True) and _fits(object_, rule.objects, named=True):
        yield Found(
            trigger.predicate, subject, object_, before.first, after.last, Modality.OBSERVED
        )


def _subjects(marked: Marked, trigger: Trigger, topic: End | None) -> list[End]:
    """Return the subject, or all members where several are joined."""
    if trigger.form == "subjects":
        return [
            End(
                trigger.first,
                trigger.last,
                marked.text(trigger.first, trigger.last),
                None,
                "phrase",
            )
        ]
    clause = marked.sentence.clause_at(trigger.first)
    opened = _after_opener(marked, clause.first, trigger.first)
    if clause.opener == "relative" and words_in(marked.tokens[opened : trigger.first]) < 2:
        antecedent = _antecedent(marked, clause.first)
        if antecedent is not None:
            return [antecedent]
    if trigger.form == "impersonal":
        return [replace(topic, by="dropped")] if topic is not None else []
    free = free_ends(marked, clause.first, trigger.first)
    if free:
        return _joined(marked, free)
    if trigger.form == "verbs":
        inverted = _inverted(marked, trigger)
        if inverted is not None:
            return [inverted]
        phrase = _subject_phrase(marked, opened, trigger.first)
        if phrase is not None:
            return [phrase]
    earlier = free_ends(marked, 0, clause.first)
    if earlier:
        return _joined(marked, earlier[:1])
    if topic is not None:
        return [replace(topic, by="dropped")]
    phrase = _subject_phrase(marked, 0, trigger.first)
    return [phrase] if phrase is not None else []


def _after_opener(marked: Marked, first: int, last: int) -> int:
    match = marked.pack.derive(_openers).match(marked.tokens, first)
    return match.last if match is not None and match.last <= last else first


def _openers(pack: Pack) -> PhraseMatcher[str]:
    words = pack.grammar.clauses
    return PhraseMatcher(
        [(word, word) for word in (*words.relative, *words.subordinators, *words.conjunctions)],
        pack.tokenizer,
    )


def free_ends(marked: Marked, first: int, last: int) -> list[End]:
    """Return what is named in [first, last) and stands under no preposition.

    A place after a noun of authority counts: its government speaks for it.
    """
    governing = prepositions(marked.pack)
    authorities = matcher_of(marked.pack, "authorities")
    held: list[End] = []
    for end in marked.ends_in(first, last):
        before = end.first - 1
        while before >= first and (
            matcher_of(marked.pack, "articles").match(marked.tokens, before) is not None
            or marked.tokens[before].text in QUOTES
        ):
            before -= 1
        governed = before >= first and governing.match(marked.tokens, before) is not None
        if (
            not governed
            or end.by == "coreference"
            or any(
                authorities.match(marked.tokens, at) is not None
                for at in range(max(first, before - 4), before)
            )
        ):
            held.append(end)
    return held


def _joined(marked: Marked, ends: Sequence[End]) -> list[End]:
    """Return the first end, and those that a joiner ties to it."""
    found = [ends[0]]
    for end in ends[1:]:
        gap = range(found[-1].last, end.first)
        joiners = matcher_of(marked.pack, "joiners")
        if len(gap) <= 4 and any(joiners.match(marked.tokens, at) for at in gap):
            found.append(end)
        else:
            break
    return found


def _antecedent(marked: Marked, first: int) -> End | None:
    """Return what stands right before a relative clause: named, or the noun phrase there."""
    last = first
    while last > 0 and not marked.tokens[last - 1].is_word:
        last -= 1
    named = next((end for end in marked.ends if end.last == last), None)
    if named is not None or last == 0:
        return named
    begin = last
    while (
        begin > 0
        and last - begin < SUBJECT_WORDS_MAX
        and marked.tokens[begin - 1].is_word
        and (not any(trigger.first < begin <= trigger.last for trigger in marked.triggers))
    ):
        begin -= 1
    begin = skip(marked, begin, "articles", last)
    if begin >= last:
        return None
    return End(begin, last, marked.text(begin, last), None, "phrase")


def _inverted(marked: Marked, trigger: Trigger) -> End | None:
    """Return what is named right after the verb, where the verb stands before its subject."""
    after = skip(marked, trigger.last, "articles", len(marked.tokens))
    end = next((end for end in marked.ends if end.first == after), None)
    if end is None or end.last >= len(marked.tokens) or not marked.pack.derive(_inverts):
        return None
    return end if marked.tokens[end.last].is_word else None


def _inverts(pack: Pack) -> bool:
    """Whether the language puts the verb second: it says so by splitting its verbs."""
    return predicate_words(pack.code).inversion


def _subject_phrase(marked: Marked, first: int, last: int) -> End | None:
    first = skip(marked, first, "leads", last)
    first = skip(marked, first, "joiners", last)
    first = skip(marked, first, "leads", last)
    first = skip(marked, first, "articles", last)
    held = marked.tokens[first:last]
    if (
        not held
        or words_in(held) > SUBJECT_WORDS_MAX
        or not all(token.is_word or token.text in "-‑'’" for token in held)
    ):
        return None
    if prepositions(marked.pack).match(marked.tokens, first) is not None:
        return None
    if any(first <= trigger.first < last for trigger in marked.triggers):
        return None
    if any(end.first >= first and end.last <= last and end.by == "pronoun" for end in marked.ends):
        return None
    return End(first, last, marked.text(first, last), None, "phrase")


def main_subject(marked: Marked) -> End | None:
    free = free_ends(marked, 0, len(marked.tokens))
    return next((end for end in free if end.kind != PERSON), None)


def _objects(marked: Marked, trigger: Trigger, *, listed: bool) -> list[End]:
    """Return the object, or each member of the list that the object is."""
    rule = predicate_rules()[trigger.predicate]
    limit = len(marked.tokens)
    if trigger.close is not None and not trigger.beyond:
        limit = trigger.close
    first = trigger.reach
    if trigger.form == "finals":
        return _before(marked, trigger)
    inverted = _inverted(marked, trigger) if trigger.form == "verbs" else None
    if inverted is not None and not free_ends(
        marked, marked.sentence.clause_at(trigger.first).first, trigger.first
    ):
        first = max(inverted.last, trigger.reach)
    if rule.named_object:
        stop = _clause_stop(marked, first, limit)
        named = [end for end in marked.ends_in(first, stop) if _fits(end, rule.objects, named=True)]
        return _joined(marked, named) if named else []
    spans = items(marked, first, limit, marked.tokens[trigger.reach - 1].norm)
    held = [_end_of(marked, span) for span in (spans if listed else spans[:1])]
    return held[:1] + [end for end in held[1:] if not _is_example(marked, end)]


def _is_example(marked: Marked, end: End) -> bool:
    """Whether something named stands only as an example of what was said before it."""
    examples = matcher_of(marked.pack, "examples")
    return end.id is not None and any(
        examples.match(marked.tokens, at) for at in range(max(0, end.first - 8), end.first)
    )


def _clause_stop(marked: Marked, first: int, limit: int) -> int:
    at = first
    while (
        at < limit
        and marked.tokens[at].text not in BREAKS
        and (marked.tokens[at].text not in COMMAS)
    ):
        at += 1
    return at


def _before(marked: Marked, trigger: Trigger) -> list[End]:
    """Return the phrase right before a trigger that stands last."""
    clause = marked.sentence.clause_at(trigger.first)
    first = trigger.first
    while (
        first > clause.first
        and trigger.first - first < OBJECT_TOKENS_MAX
        and not any(end.last == first for end in marked.ends)
        and prepositions(marked.pack).match(marked.tokens, first) is None
    ):
        first -= 1
    if first >= trigger.first:
        return []
    span = (first, trigger.first)
    return [_end_of(marked, span)] if marked.tokens[first].is_word else []


def _end_of(marked: Marked, span: tuple[int, int]) -> End:
    """Return the phrase, as what it names where it names one thing and little else."""
    first, last = span
    named = [
        end
        for end in marked.ends_in(first, last)
        if end.by != "coreference" or last - end.last <= 0
    ]
    head = next((end for end in named if end.first <= first + 1 or end.last == last), None)
    if head is not None and len(named) == 1 and (last - first) - (head.last - head.first) <= 2:
        return replace(head, first=first, last=last)
    return End(first, last, marked.text(first, last), None, "phrase")


def _agents(marked: Marked, trigger: Trigger) -> list[End]:
    """Return who stands after a passive: named ones of the allowed kinds, else the phrase."""
    rule = predicate_rules()[trigger.predicate]
    limit = len(marked.tokens)
    stop = _list_stop(marked, trigger.all_last, limit)
    named = [
        end
        for end in marked.ends_in(trigger.all_last, stop)
        if _fits(end, rule.subjects, named=True)
    ]
    if named and (rule.named_subject or named[0].first <= trigger.all_last + 2):
        return _joined_all(marked, named)
    spans = items(marked, trigger.all_last, limit)
    return [_end_of(marked, span) for span in (spans if rule.listed else spans[:1])]


def _own_noun(marked: Marked, trigger: Trigger) -> End:
    """Return the noun of the trigger itself, where it holds what the passive is said of."""
    first = trigger.first
    return End(first, first + 1, marked.text(first, first + 1), None, "phrase")


def _list_stop(marked: Marked, first: int, limit: int) -> int:
    """Return where a list that may hold commas ends: at a break, a clause or another trigger."""
    at = first
    while at < limit and marked.tokens[at].text not in BREAKS:
        clause = marked.sentence.clause_at(at)
        if at > first and clause.first == at and clause.opener in ("relative", "subordinator"):
            break
        if any(trigger.first == at for trigger in marked.triggers):
            break
        at += 1
    return at


def _joined_all(marked: Marked, ends: Sequence[End]) -> list[End]:
    joiners = matcher_of(marked.pack, "joiners")
    found = [ends[0]]
    for end in ends[1:]:
        gap = range(found[-1].last, end.first)
        if len(gap) <= 3 and any(
            joiners.match(marked.tokens, at) or marked.tokens[at].text in COMMAS for at in gap
        ):
            found.append(end)
    return found


def _patients(marked: Marked, trigger: Trigger, topic: End | None) -> list[End]:
    """Return what a passive is said of: before it, maybe across a comma or a relative word."""
    rule = predicate_rules()[trigger.predicate]
    clause = marked.sentence.clause_at(trigger.first)
    free = [
        end
        for end in marked.ends_in(clause.first, trigger.first)
        if _fits(end, rule.objects, named=True)
    ]
    if free:
        return [free[0]] if rule.named_object else [_end_of(marked, (free[0].first, free[0].last))]
    phrase = _subject_phrase(marked, clause.first, trigger.first)
    if phrase is not None and clause.opener != "relative":
        return [phrase]
    antecedent = _antecedent(marked, clause.first)
    if antecedent is not None:
        return [antecedent]
    return [replace(topic, by="dropped")] if topic is not None else []


def _cue(marked: Marked, predicate: str) -> End | None:
    """Return what the sentence names as the programme: a programme, or the word that is needed."""
    named = next((end for end in marked.ends if end.kind == "programme"), None)
    match = needs_of(marked.pack, predicate).find(marked.tokens)
    if named is not None or not match:
        return named
    span = phrase_after(marked, match[-1].first, len(marked.tokens))
    first, last = span or (match[-1].first, match[-1].last)
    return End(first, last, marked.text(first, last), None, "phrase")


def _quote(marked: Marked, trigger: Trigger, end: End, foremost: End) -> tuple[int, int]:
    """Return the tokens to quote: the trigger and its end, or the end alone within a list."""
    if end.by == "dropped":
        return cut(marked, trigger.first, trigger.all_last)
    if end is not foremost:
        return cut(marked, end.first, end.last)
    first = min(trigger.first, end.first)
    last = max(end.last, trigger.all_last if end.last > trigger.first else trigger.last)
    if len(marked.text(first, last).split()) > QUOTE_WORDS_MAX and end.first > trigger.first:
        first = end.first
    return cut(marked, first, last)


def cut(marked: Marked, first: int, last: int) -> tuple[int, int]:
    """Return the span with at most as many words as a quote may have."""
    while last - first > 1 and len(marked.text(first, last).split()) > QUOTE_WORDS_MAX:
        last -= 1
    while last - first > 1 and not (
        marked.tokens[last - 1].is_word or marked.tokens[last - 1].kind is TokenKind.NUMBER
    ):
        last -= 1
    return first, last


def _modality(marked: Marked, trigger: Trigger) -> Modality:
    clause = marked.sentence.clause_at(trigger.first)
    words = marked.pack.derive(_modality_words)
    held = [
        match
        for at in range(clause.first, trigger.last)
        if (match := words.match(marked.tokens, at)) is not None
    ]
    if held:
        return held[-1].payload
    return Modality.PLANNED if trigger.predicate in PLANNING else Modality.OBSERVED


def _modality_words(pack: Pack) -> PhraseMatcher[Modality]:
    words = pack.grammar.modality
    return PhraseMatcher(
        [(phrase, Modality.OBSERVED) for phrase in words.observed]
        + [(phrase, Modality.TARGET) for phrase in words.target]
        + [(phrase, Modality.PLANNED) for phrase in words.planned]
        + [(phrase, Modality.ESTIMATED) for phrase in words.estimated],
        pack.tokenizer,
    )

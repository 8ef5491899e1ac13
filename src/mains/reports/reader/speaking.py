"""Who holds which office, and what people and organisations say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, TokenKind
from mains.reports.reader.ends import PERSON, End, role_words, speech_verbs
from mains.reports.reader.frames import (
    BREAKS,
    COMMAS,
    QUOTES,
    Marked,
    matcher_of,
    phrase_after,
    words_in,
)
from mains.reports.reader.stating import Found, cut, free_ends
from mains.reports.values import Modality

ROLE_WORDS_MAX: Final = 14
STATEMENT_WORDS_MIN: Final = 4
SPEAKERS: Final = (PERSON, "org", "city", "country", "region", "union")


def offices(marked: Marked) -> Iterator[Found]:
    """Who holds which office: the noun phrase of the office beside a person's name."""
    people = [end for end in marked.ends if end.by == PERSON]
    found = marked.pack.derive(role_words).find(marked.tokens) if people else []
    for person in people:
        for match in found:
            if match.last <= person.first and match.first >= person.first - ROLE_WORDS_MAX:
                between = marked.tokens[match.first : person.first]
                if sum(token.text in COMMAS for token in between) > 1 or any(
                    token.text in BREAKS for token in between
                ):
                    continue
                last = person.first - (marked.tokens[person.first - 1].text in COMMAS)
                yield _office(marked, person, match.first, last)
            elif person.last < match.first <= person.last + 3 and (
                marked.tokens[person.last].text in COMMAS
            ):
                span = phrase_after(marked, match.first, len(marked.tokens))
                if span is not None:
                    yield _office(marked, person, *_role_end(marked, span))
                    break


def _role_end(marked: Marked, span: tuple[int, int]) -> tuple[int, int]:
    """An office may itself be joined of two: founder and director."""
    joiner = (
        matcher_of(marked.pack, "joiners").match(marked.tokens, span[1])
        if (span[1] < len(marked.tokens))
        else None
    )
    if joiner is None:
        return span
    further = phrase_after(marked, joiner.last, len(marked.tokens))
    return (span[0], further[1]) if further is not None else span


def _office(marked: Marked, person: End, first: int, last: int) -> Found:
    last = max(last, first + 1)
    quote = cut(marked, min(first, person.first), max(last, person.last))
    role = End(first, last, marked.text(first, last), None, "phrase")
    return Found("has_role", person, role, *quote, Modality.OBSERVED)


def said(marked: Marked, topic: End | None, found: Sequence[Found]) -> Iterator[Found]:
    """What somebody says, where it holds no figure and states no other relation."""
    verbs = marked.pack.derive(speech_verbs)
    for match in verbs.find(marked.tokens):
        speaker = _who_says(marked, match.first, match.last, topic)
        if speaker is None:
            continue
        for first, last in _statements(marked, match.first, match.last):
            held = marked.tokens[first:last]
            if words_in(held) < STATEMENT_WORDS_MIN:
                continue
            if any(token.kind in (TokenKind.NUMBER, TokenKind.CURRENCY) for token in held):
                continue
            if any(first <= other.first < last for other in found if other.predicate != "has_role"):
                continue
            quote = cut(marked, first, last)
            statement = End(first, last, marked.text(*quote), None, "phrase")
            yield Found("says", speaker, statement, *quote, Modality.OBSERVED)
        return


def _who_says(marked: Marked, first: int, last: int, topic: End | None) -> End | None:
    """Return who says it: a person near the verb, or what is named as its subject."""
    clause = marked.sentence.clause_at(first)
    after = [end for end in marked.ends if last <= end.first <= last + 6 and end.kind in SPEAKERS]
    before = [
        end
        for end in free_ends(marked, 0, first)
        if end.kind in SPEAKERS and end.by != "coreference"
    ]
    people = [end for end in (*reversed(before), *after) if end.by == PERSON]
    if people:
        return people[0]
    roles = marked.pack.derive(role_words)
    near = range(max(clause.first, first - 8), min(len(marked.tokens), last + 4))
    if any(roles.match(marked.tokens, at) is not None for at in near):
        return None
    own = [end for end in before if end.first >= clause.first]
    if not own and clause.opener in (",", "，"):
        own = before[:1]
    direct = [end for end in after if end.first <= last + 1]
    return own[-1] if own else (direct[0] if direct else None)


def _statements(marked: Marked, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield what is said: after the word that opens it, or what stands in quotation marks."""
    that = matcher_of(marked.pack, "that")
    tokens = marked.tokens
    for at in range(last, min(len(tokens), last + 5)):
        opened = that.match(tokens, at)
        if opened is not None:
            yield from _coordinated(marked, opened.last)
            return
        if tokens[at].text in ":：":
            break
    marks = [at for at, token in enumerate(tokens) if token.text in QUOTES]
    if len(marks) >= 2 and marks[1] - marks[0] > 3:
        yield marks[0] + 1, marks[1]
    elif len(marks) == 1 and 3 < marks[0] < first:
        yield 0, marks[0]


def _coordinated(marked: Marked, first: int) -> Iterator[tuple[int, int]]:
    """Yield each statement where the opening word is repeated after a joiner."""
    stop = _sentence_stop(marked, first)
    that, joiners = matcher_of(marked.pack, "that"), matcher_of(marked.pack, "joiners")
    for at in range(first, stop):
        joined = joiners.match(marked.tokens, at)
        opened = that.match(marked.tokens, joined.last) if joined is not None else None
        if opened is not None and joined is not None and joined.last < stop:
            yield first, at
            yield opened.last, stop
            return
    yield first, stop


def _sentence_stop(marked: Marked, first: int) -> int:
    at = len(marked.tokens)
    while at > first + 1 and not marked.tokens[at - 1].is_word:
        at -= 1
    return at


def speaker_of(marked: Marked, topic: End | None) -> str | None:
    """Return who the sentence is attributed to."""
    sources = marked.pack.derive(_sources)
    for match in sources.find(marked.tokens):
        end = next((end for end in marked.ends if match.last <= end.first <= match.last + 5), None)
        if end is not None and end.kind in SPEAKERS:
            return end.id
    for match in marked.pack.derive(speech_verbs).find(marked.tokens):
        end = _who_says(marked, match.first, match.last, topic)
        if end is not None:
            return end.id
    return None


def _sources(pack: Pack) -> PhraseMatcher[str]:
    return PhraseMatcher([(word, word) for word in pack.grammar.speech.sources], pack.tokenizer)


def spoken(found: Found, speaker: str) -> Found:
    if found.predicate in ("says", "has_role") or found.subject.id == speaker:
        return found
    return replace(found, note=f"says {speaker}")

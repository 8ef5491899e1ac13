"""Predicates found in a sentence: their triggers, and the phrases around them.

A trigger is a verb or noun phrase of the packs that states a predicate; its form says on which side
subject and object stand. Phrases are bounded by marks, clause words, the pack's stop words and by
other triggers: there is no parser behind this, so that a ninth language is a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mains.reports.packs import Pack, PhraseMatcher, Token, TokenKind
from mains.reports.packs.predicates import BEYOND, SPLIT, Frame, predicate_words
from mains.reports.reader.ends import End
from mains.reports.reader.text import Sentence

PARTICLE_REACH: Final = 24
PHRASE_TOKENS_MAX: Final = 14
ITEM_WORDS_MAX: Final = 10
PAIRED_WORDS_MAX: Final = 5
"""Of two that are joined, the second is a member only if it is short, or built like the first."""
HAN_FACTOR: Final = 3
"""A Han character is about a third of a word."""
FORMS: Final = tuple(name for name in Frame.model_fields if name != "needs")
COMMAS: Final = ",，、؛،"
BRACKETS: Final = "()（）"
QUOTES: Final = '"“”„«»「」『』《》‘’'
BREAKS: Final = ".!?…。！？;；:：()（）[]【】—–"
SLIDERS: Final = ("verbs", "subjects", "impersonal", "passives")
LINKS: Final = ("links", "links_back")


class Wording(NamedTuple):
    """What a phrase of the pack stands for."""

    predicate: str
    form: str
    particle: int
    """Index of the second part among the pack's particles, or -1."""
    beyond: bool
    """The object stands after the second part, not between the two."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A predicate stated at the tokens [first, last); `close` is where its second part begins."""

    first: int
    last: int
    predicate: str
    form: str
    close: int | None = None
    close_last: int | None = None
    beyond: bool = False

    @property
    def reach(self) -> int:
        """Where the object may begin."""
        return self.close_last if self.beyond and self.close_last is not None else self.last

    @property
    def all_last(self) -> int:
        """Where the trigger ends, its second part included."""
        return self.close_last or self.last


@dataclass(frozen=True)
class Marked:
    """A sentence with what was found in it."""

    sentence: Sentence
    pack: Pack
    ends: tuple[End, ...]
    triggers: tuple[Trigger, ...]

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The sentence's tokens."""
        return self.sentence.tokens

    def text(self, first: int, last: int) -> str:
        """The tokens [first, last) as they are written."""
        return self.sentence.document[self.tokens[first].start : self.tokens[last - 1].end]

    def ends_in(self, first: int, last: int) -> list[End]:
        """Return what is named within the tokens [first, last)."""
        return [end for end in self.ends if first <= end.first and end.last <= last]


def triggers(sentence: Sentence, pack: Pack) -> tuple[Trigger, ...]:
    """Return the predicates that the sentence states, in the order of the text."""
    words = pack.derive(_wordings)
    needed = pack.derive(_needs)
    found: list[Trigger] = []
    index = 0
    tokens = sentence.tokens
    while index < len(tokens):
        match = words.match(tokens, index)
        if match is None or _is_closing(found, index):
            index += 1
            continue
        made = [
            trigger
            for trigger in _made(match.first, match.last, match.payload, tokens, pack)
            if trigger.predicate not in needed or needed[trigger.predicate].find(tokens)
            if trigger.form != "verbs" or not _is_noun(tokens, index, match.last, pack)
        ]
        found.extend(made)
        index = made[0].last if made and made[0].form not in LINKS else index + 1
    return tuple(found)


def _is_closing(found: Sequence[Trigger], index: int) -> bool:
    """Whether the token belongs to the second part of a trigger found before."""
    return any(held.close is not None and held.close <= index < held.all_last for held in found)


def _made(
    first: int, last: int, wordings: tuple[Wording, ...], tokens: Sequence[Token], pack: Pack
) -> list[Trigger]:
    """Return the first wording whose second part follows in the clause, else all whole ones."""
    links = [
        Trigger(first, last, held.predicate, held.form) for held in wordings if held.form in LINKS
    ]
    whole: list[Trigger] = []
    for wording in wordings:
        if wording.form in LINKS:
            continue
        if wording.particle < 0:
            whole.append(Trigger(first, last, wording.predicate, wording.form))
            continue
        particle = pack.derive(_particles)[wording.particle]
        for at in range(last, min(len(tokens), last + PARTICLE_REACH)):
            if tokens[at].text in BREAKS:
                break
            closing = particle.match(tokens, at)
            if closing is not None and (wording.beyond or at > last):
                form, beyond = wording.form, wording.beyond
                parted = Trigger(first, last, wording.predicate, form, at, closing.last, beyond)
                return [parted, *links]
    return [*whole, *links]


def _is_noun(tokens: Sequence[Token], first: int, last: int, pack: Pack) -> bool:
    """Whether a word that may be a verb is a noun, by the determiner before it."""
    one_word = last - first == 1 or tokens[first].kind is TokenKind.HAN
    determiners = matcher_of(pack, "determiners")
    return one_word and first > 0 and determiners.match(tokens, first - 1) is not None


def _needs(pack: Pack) -> dict[str, PhraseMatcher[str]]:
    return {
        predicate: PhraseMatcher(
            [(exactly(phrase), phrase) for phrase in frame.needs], pack.tokenizer
        )
        for predicate, frame in predicate_words(pack.code).frames.items()
        if frame.needs
    }


def needs_of(pack: Pack, predicate: str) -> PhraseMatcher[str]:
    """Return the matcher of the words that a predicate needs in its sentence."""
    empty: PhraseMatcher[str] = PhraseMatcher([], pack.tokenizer)
    return pack.derive(_needs).get(predicate, empty)


def exactly(phrase: str) -> str:
    """Return the phrase with its words taken as written: a verb's stem is often a noun's too."""
    return re.sub(r"(?<![=*?|()\s.])(?=[\s|)]|$)", "=", phrase)


def _wordings(pack: Pack) -> PhraseMatcher[tuple[Wording, ...]]:
    """Return the matcher of all first parts; equal ones are kept together, split ones first."""
    parted: dict[str, list[Wording]] = {}
    order = 0
    for predicate, frame in predicate_words(pack.code).frames.items():
        for form in FORMS:
            for phrase in getattr(frame, form):
                head, mark, tail = phrase.partition(SPLIT)
                parted.setdefault(exactly(head.strip()), []).append(
                    Wording(predicate, form, order if mark else -1, tail.startswith(BEYOND))
                )
                order += bool(mark)
    return PhraseMatcher(
        [
            (head, tuple(sorted(wordings, key=lambda held: held.particle < 0)))
            for head, wordings in parted.items()
        ],
        pack.tokenizer,
    )


def _particles(pack: Pack) -> tuple[PhraseMatcher[str], ...]:
    return tuple(
        PhraseMatcher(
            [(exactly(phrase.partition(SPLIT)[2].lstrip(BEYOND).strip()), phrase)], pack.tokenizer
        )
        for frame in predicate_words(pack.code).frames.values()
        for form in FORMS
        for phrase in getattr(frame, form)
        if SPLIT in phrase
    )


def matcher_of(pack: Pack, name: str) -> PhraseMatcher[str]:
    """Return the matcher of one list of the language's predicate words."""
    return pack.derive(_LISTS[name])


def _list(name: str) -> Callable[[Pack], PhraseMatcher[str]]:
    def make(pack: Pack) -> PhraseMatcher[str]:
        return PhraseMatcher(
            [(exactly(phrase), name) for phrase in getattr(predicate_words(pack.code), name)],
            pack.tokenizer,
        )

    return make


_LISTS: Final = {
    name: _list(name)
    for name in (
        "joiners",
        "determiners",
        "auxiliaries",
        "articles",
        "stops",
        "leads",
        "that",
        "examples",
        "epithets",
        "authorities",
    )
}


def phrase_after(marked: Marked, first: int, limit: int) -> tuple[int, int] | None:
    """Return the noun phrase that begins at a token: articles left out, ended by its bounds."""
    if first + 1 < limit and marked.tokens[first].text in COMMAS:
        opened = matcher_of(marked.pack, "examples").match(marked.tokens, first + 1)
        first = opened.last if opened is not None else first
    first = skip(marked, first, "articles", limit)
    while first < limit and marked.tokens[first].text in QUOTES:
        first += 1
    if first >= limit or _opens_no_phrase(marked, first):
        return None
    last = first
    while last < limit and not _bounds(marked, first, last):
        last += 1
    while last > first and marked.tokens[last - 1].text in QUOTES:
        last -= 1
    return (first, last) if _has_words(marked.tokens[first:last]) else None


def _opens_no_phrase(marked: Marked, at: int) -> bool:
    """Whether a stop word, a joiner or a preposition other than "of" stands where a noun would."""
    tokens = marked.tokens
    if any(end.first == at for end in marked.ends):
        return False
    return any(
        matcher.match(tokens, at) is not None
        for matcher in (
            matcher_of(marked.pack, "joiners"),
            matcher_of(marked.pack, "stops"),
            marked.pack.derive(_other_prepositions),
        )
    )


def _other_prepositions(pack: Pack) -> PhraseMatcher[str]:
    words = pack.grammar.prepositions
    others = (words.in_, words.by, words.from_, words.to, words.for_, words.with_)
    of = {pack.tokenizer.normalise(word) for word in words.of}
    return PhraseMatcher(
        [
            (exactly(word), word)
            for group in others
            for word in group
            if pack.tokenizer.normalise(word) not in of
        ],
        pack.tokenizer,
    )


def skip(marked: Marked, index: int, name: str, limit: int) -> int:
    """Return the index after any words of the list that stand at `index`."""
    matcher = matcher_of(marked.pack, name)
    while index < limit:
        match = matcher.match(marked.tokens, index)
        if match is None or match.last > limit:
            break
        index = match.last
    return index


def items(marked: Marked, first: int, limit: int, repeated: str = "") -> list[tuple[int, int]]:
    """Return the members of the list that begins at a token; one where it is no list.

    `repeated` is a word that may stand again before each member (for A and for B).
    """
    found: list[tuple[int, int]] = []
    starts: list[int] = []
    at: int | None = first
    joined = False
    while at is not None and at < limit:
        span = phrase_after(marked, at, limit)
        if span is None or (found and not _is_member(marked, span, at)):
            break
        found.append(span)
        starts.append(at)
        at, joiner = _next_item(marked, span[1], limit, repeated)
        if joined and not joiner:
            break
        joined = joined or joiner
    if len(found) == 2 and not joined and not _is_enumerated(marked, found):
        return found[:1]
    if len(found) == 2:
        return _paired(marked, found, starts)
    if len(found) > 2 and not (joined or _is_enumerated(marked, found)):
        return found[:1]
    return found


def _paired(
    marked: Marked, found: list[tuple[int, int]], starts: Sequence[int]
) -> list[tuple[int, int]]:
    """Two joined phrases are one where the first is an adjective, and two where both are short."""
    (first, first_last), (second, second_last) = found
    head = marked.tokens[first:first_last]
    named = any(end.first == second for end in marked.ends)
    tail = marked.tokens[second:second_last]
    if len(tail) == 1 and tail[0].text.islower() and len(head) > len(tail) + 1 and not named:
        return [(first, second_last)]
    if len(head) == 1 and head[0].text.islower() and second_last - second > 1 and not named:
        return [(first, second_last)]
    short = words_in(marked.tokens[second:second_last]) <= PAIRED_WORDS_MAX
    parallel = starts[1] < second or prepositions(marked.pack).match(marked.tokens, second)
    return found if short or named or parallel else found[:1]


def _next_item(marked: Marked, index: int, limit: int, repeated: str) -> tuple[int | None, bool]:
    """Return where the next member begins, and whether a joiner stood before it."""
    at = index
    comma = False
    while at < limit and marked.tokens[at].text in QUOTES + COMMAS + BRACKETS:
        comma = comma or marked.tokens[at].text not in QUOTES
        at += 1
    joiner = matcher_of(marked.pack, "joiners").match(marked.tokens, at) if at < limit else None
    if joiner is not None:
        at, comma = joiner.last, True
    at = skip(marked, at, "examples", limit)
    if at < limit and marked.tokens[at].norm == repeated:
        at += 1
    elif at < limit and joiner is not None:
        again = prepositions(marked.pack).match(marked.tokens, at)
        at = again.last if again is not None else at
    return (at, joiner is not None) if comma else (None, False)


def _is_enumerated(marked: Marked, found: Sequence[tuple[int, int]]) -> bool:
    """Commas that only lists have (、) make one without a joiner."""
    return all(marked.tokens[first - 1].text == "、" for first, _ in found[1:])


def _is_member(marked: Marked, span: tuple[int, int], at: int) -> bool:
    """Whether a phrase may go on a list: no clause of its own, no figure, not too long."""
    held = marked.tokens[span[0] : span[1]]
    if matcher_of(marked.pack, "auxiliaries").match(marked.tokens, span[1]) is not None:
        return False
    named = [end for end in marked.ends if span[0] <= end.first <= span[0] + 1]
    if named:
        return True
    if any(trigger.form in SLIDERS for trigger in _within(marked, span)):
        return False
    articles = matcher_of(marked.pack, "articles")
    if (
        len(held) > 2
        and articles.match(marked.tokens, span[0] + 1) is not None
        and (prepositions(marked.pack).match(marked.tokens, span[0]) is None)
    ):
        return False
    if matcher_of(marked.pack, "leads").match(marked.tokens, span[0]) is not None:
        return False
    return words_in(held) <= ITEM_WORDS_MAX and held[0].kind not in (
        TokenKind.NUMBER,
        TokenKind.CURRENCY,
    )


def prepositions(pack: Pack) -> PhraseMatcher[str]:
    """Return the matcher of the language's prepositions."""
    return pack.derive(_prepositions)


def _prepositions(pack: Pack) -> PhraseMatcher[str]:
    words = pack.grammar.prepositions
    held = (words.of, words.in_, words.by, words.from_, words.to, words.for_, words.with_)
    return PhraseMatcher(
        [(exactly(word), word) for group in held for word in group], pack.tokenizer
    )


def _within(marked: Marked, span: tuple[int, int]) -> Iterator[Trigger]:
    return (trigger for trigger in marked.triggers if span[0] <= trigger.first < span[1])


def _bounds(marked: Marked, first: int, at: int) -> bool:
    """Whether a noun phrase that began at `first` ends before token `at`."""
    token = marked.tokens[at]
    if token.text in COMMAS or token.text in BREAKS:
        return True
    if words_in(marked.tokens[first:at]) >= PHRASE_TOKENS_MAX:
        return True
    if at == first:
        return False
    if any(matcher_of(marked.pack, name).match(marked.tokens, at) for name in ("joiners", "stops")):
        return not any(end.first < at < end.last for end in marked.ends)
    if any(trigger.first == at and trigger.form in SLIDERS for trigger in marked.triggers):
        return True
    clause = marked.sentence.clause_at(at)
    return clause.first == at and clause.opener in ("relative", "subordinator")


def words_in(held: Sequence[Token]) -> int:
    """Count words; characters of a script without spaces count as parts of one."""
    han = sum(token.kind is TokenKind.HAN for token in held)
    spaced = sum(token.kind in (TokenKind.WORD, TokenKind.NUMBER) for token in held)
    return spaced + -(-han // HAN_FACTOR)


def _has_words(held: Sequence[Token]) -> bool:
    return any(token.is_word for token in held)

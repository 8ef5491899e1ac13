"""The ends of relations: things named in a sentence, people, and what nouns and pronouns refer to.

memory = Memory()
held = named_ends(sentence, pack, memory)     # list[End] in the order of the text
memory.note(held, sentence)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from mains.reports.packs import Pack, PhraseMatcher, Token, TokenKind
from mains.reports.packs.predicates import predicate_words
from mains.reports.reader.mentions import Known, slug
from mains.reports.reader.scene import Scene
from mains.reports.reader.text import Sentence

NAME_TOKENS_MAX: Final = 5
HAN_NAME_TOKENS: Final = (3, 2)
PERSON: Final = "person"
LOOKS: Final = "looks"
NAME_JOINTS: Final = "-‑·.'’&"


@dataclass(frozen=True, slots=True)
class End:
    """A subject or object: token indices [first, last) of its sentence, its id if it has one.

    `by` says how it was found: name, person, coreference, phrase, dropped, or looks: a name that no
    pack knows, with nothing beside it that says what it is.
    """

    first: int
    last: int
    text: str
    id: str | None
    by: str = "name"

    @property
    def kind(self) -> str | None:
        """The id's prefix."""
        return self.id.partition(":")[0] if self.id else None


@dataclass(slots=True)
class Memory:
    """What was named before in the document; what stands in another paragraph counts less."""

    paragraph: int = -1
    topic: End | None = None
    """The subject that a sentence without one goes on with; of this paragraph only."""
    by_kind: dict[str, str] = field(default_factory=dict)
    """The last thing of each kind named in this paragraph."""
    seen: dict[str, set[str]] = field(default_factory=dict)
    """All that this paragraph named, by kind."""
    carried: dict[str, str] = field(default_factory=dict)
    """The only thing of a kind that the paragraph before named."""
    people: dict[str, str] = field(default_factory=dict)
    """Ids of people by each part of their names, in the whole document."""

    def enter(self, sentence: Sentence) -> None:
        """Forget what belongs to another paragraph."""
        if sentence.paragraph != self.paragraph:
            self.paragraph = sentence.paragraph
            self.topic = None
            self.by_kind.clear()
            if self.seen:
                self.carried = {
                    kind: next(iter(held)) for kind, held in self.seen.items() if len(held) == 1
                }
                self.seen = {}

    def note(self, end: End) -> None:
        """Remember what is named."""
        if end.id is not None and end.kind is not None:
            self.by_kind[end.kind] = end.id
            self.seen.setdefault(end.kind, set()).add(end.id)

    def stands_for(self, kind: str) -> str | None:
        """Return what a noun of the kind, or a pronoun, stands for, if that is clear."""
        if not kind:
            return self.topic.id if self.topic is not None else None
        return self.by_kind.get(kind) or self.carried.get(kind)


def named_ends(scene: Scene, memory: Memory) -> list[End]:
    """Return what the sentence names or refers to, in the order of the text, without overlaps."""
    known = [mention for mention in scene.entities if mention.known is not Known.ADJECTIVE]
    sure = {
        at
        for mention in known
        if mention.known is Known.NAME
        for at in range(mention.first, mention.last)
    }
    held = list(_people(scene.sentence, scene.pack, memory, sure))
    taken = _taken(held)
    for mention in known:
        # Somebody beside an office is a person, whatever the name looks like otherwise.
        if not taken.isdisjoint(range(mention.first, mention.last)):
            continue
        stands_in = mention.known is Known.STAND_IN
        id_ = mention.id or (memory.stands_for(mention.kind) if stands_in else None)
        if id_ is not None:
            text = _text(scene.sentence, mention.first, mention.last)
            by = "coreference" if stands_in else "name"
            by = LOOKS if mention.known is Known.LOOKS else by
            held.append(End(mention.first, mention.last, text, id_, by))
            memory.note(held[-1])
    return sorted(held, key=lambda end: end.first)


def is_named(token: Token) -> bool:
    """Whether the token is written as a name is: with a capital letter."""
    return token.kind is TokenKind.WORD and token.text[0].isupper()


def _people(sentence: Sentence, pack: Pack, memory: Memory, sure: set[int]) -> Iterator[End]:
    """People are known by the office that stands beside their name, and then by any part of it."""
    tokens = sentence.tokens
    taken = set(sure)
    for match in pack.derive(role_words).find(tokens):
        for span in _beside(tokens, match.first, match.last, pack, taken):
            name = _text(sentence, *span)
            person = _person_id(sentence, span[1], name)
            for part in (name, *name.split()):
                memory.people[part.casefold()] = person
            taken |= set(range(*span))
            yield End(*span, name, person, PERSON)
            break
    for index, token in enumerate(tokens):
        known = memory.people.get(token.text.casefold())
        if known is not None and index not in taken and is_named(token):
            last = index + 1
            while (
                last < len(tokens)
                and last not in taken
                and (memory.people.get(tokens[last].text.casefold()) == known)
            ):
                last += 1
            taken |= set(range(index, last))
            yield End(index, last, _text(sentence, index, last), known, PERSON)


def role_words(pack: Pack) -> PhraseMatcher[str]:
    """Return the matcher of the nouns of people's offices."""
    roles = (*pack.grammar.speech.roles, *predicate_words(pack.code).roles)
    return PhraseMatcher([(role, role) for role in roles], pack.tokenizer)


def _beside(
    tokens: Sequence[Token], first: int, last: int, pack: Pack, taken: set[int]
) -> Iterator[tuple[int, int]]:
    """Yield where a name may stand: at the office's noun, after its phrase, or before it."""
    yield from _name_at(tokens, last, pack, taken, after_role=True)
    comma = next(
        (at for at in range(last, min(len(tokens), last + 16)) if tokens[at].text in ",，"), None
    )
    before = first
    while (
        before > 0
        and tokens[before - 1].kind is TokenKind.WORD
        and not is_named(tokens[before - 1])
        and before > first - 3
    ):
        before -= 1
    if before > 1 and tokens[before - 1].text == ",":
        end = before - 1
        begin = end
        while (
            begin > 0
            and is_named(tokens[begin - 1])
            and begin - 1 not in taken
            and end - begin < NAME_TOKENS_MAX
            and pack.derive(speech_verbs).match(tokens, begin - 1) is None
        ):
            begin -= 1
        if end - begin >= 2 and _may_be_person(tokens, begin, end, pack):
            yield begin, end
    if comma is not None:
        yield from (
            span
            for span in _name_at(tokens, comma + 1, pack, taken, after_role=False)
            if span[1] < len(tokens)
            and span[1] - span[0] >= 2
            and (not tokens[span[1]].is_word or tokens[comma - 1].kind is not TokenKind.PUNCTUATION)
        )


def _name_at(
    tokens: Sequence[Token], first: int, pack: Pack, taken: set[int], *, after_role: bool
) -> Iterator[tuple[int, int]]:
    if first < len(tokens) and tokens[first].kind is TokenKind.HAN and after_role:
        for size in HAN_NAME_TOKENS:
            last = first + size
            if (
                last < len(tokens)
                and _may_begin(tokens[first], pack)
                and _speaks(tokens, last, pack)
                and not any(
                    at in taken or tokens[at].kind is not TokenKind.HAN for at in range(first, last)
                )
            ):
                yield first, last
                return
        return
    last = first
    while (
        last < len(tokens)
        and last not in taken
        and last - first < NAME_TOKENS_MAX
        and (
            is_named(tokens[last])
            or (
                tokens[last].text in NAME_JOINTS
                and last > first
                and last + 1 < len(tokens)
                and tokens[last].start == tokens[last - 1].end
                and tokens[last + 1].start == tokens[last].end
            )
        )
    ):
        last += 1
    if last - first >= 2 and _may_be_person(tokens, first, last, pack):
        yield first, last


def _may_begin(token: Token, pack: Pack) -> bool:
    return token.text in predicate_words(pack.code).family_names


def _may_be_person(tokens: Sequence[Token], first: int, last: int, pack: Pack) -> bool:
    strange = pack.derive(_not_names)
    return not any(
        (token.text.isupper() and len(token.text) > 1) or token.norm in strange
        for token in tokens[first:last]
    )


def _not_names(pack: Pack) -> frozenset[str]:
    words = predicate_words(pack.code).not_names
    return frozenset(pack.tokenizer.normalise(word) for word in words)


def _speaks(tokens: Sequence[Token], index: int, pack: Pack) -> bool:
    return (
        tokens[index].kind is TokenKind.PUNCTUATION
        or pack.derive(speech_verbs).match(tokens, index) is not None
    )


def speech_verbs(pack: Pack) -> PhraseMatcher[str]:
    """Return the matcher of verbs of saying."""
    return PhraseMatcher([(verb, verb) for verb in pack.grammar.speech.verbs], pack.tokenizer)


def _person_id(sentence: Sentence, last: int, name: str) -> str:
    """Return the id by the Latin name, which may stand in brackets after another script's."""
    made = latin_slug(name)
    rest = sentence.document[sentence.tokens[last - 1].end : sentence.end]
    bracket = re.match(r"\s*[(（]([^()（）]{2,60})[)）]", rest)
    if made is None and bracket is not None:
        made = latin_slug(bracket.group(1))
    return f"{PERSON}:{made or name.casefold()}"


def latin_slug(name: str) -> str | None:
    """Return the slug of a name in Latin letters, or None for another script."""
    made = slug(name)
    return made if made.isascii() else None


def _taken(held: Sequence[End]) -> set[int]:
    return {at for end in held for at in range(end.first, end.last)}


def _text(sentence: Sentence, first: int, last: int) -> str:
    tokens = sentence.tokens
    return sentence.document[tokens[first].start : tokens[last - 1].end]

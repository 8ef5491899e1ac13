"""What a sentence mentions: things named, words that name measures, cues of many kinds.

`mentions(sentence, pack)` finds them by the pack's words; names that no pack knows are found by
rule, from capitals, quotation marks and the noun of kind beside them. Nothing is bound here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mains.reports.packs import Pack, Token, TokenKind
from mains.reports.packs.phrases import Match
from mains.reports.reader.lexicon import Called, Lexicon, Link, Naming, lexicon
from mains.reports.reader.text import Sentence
from mains.reports.values import Modality

NAME_TOKENS_MAX: Final = 6
FUTURE_LETTERS_MIN: Final = 5
QUOTED_NAME_TOKENS_MAX: Final = 5
TITLE_TOKENS_MAX: Final = 9
TITLED_KINDS: Final = frozenset({"programme", "event", "platform"})
VARIANTS: Final = frozenset({"Lite", "Pro", "Max", "Mini", "Air", "Ultra"})
VARIANT_LETTERS_MAX: Final = 2
QUOTE_TOKENS_MAX: Final = 10
OPENING: Final = {"“": "”", "«": "»", "《": "》", "「": "」", "„": "“", "‹": "›", '"': '"'}
COMPANY_TAILS: Final = frozenset(
    "inc corp ltd llc plc gmbh ag sa spa srl sas bv nv oy ab llp co limited".split()
)
"""Legal forms, which are written alike in any language; the one before them is a company."""
VERSION: Final = re.compile(r"[vVrR]?\d+(?:\.\d+)*[bBmMkK]?|[A-Z]?\d+[A-Za-z]?")


class Known(StrEnum):
    """How it is known what a mention stands for."""

    NAME = "name"
    ADJECTIVE = "adjective"
    """A country's adjective."""
    RULE = "rule"
    """A name that no pack knows, with a noun of kind beside it or a legal form behind it."""
    LOOKS = "looks"
    """A name by its looks alone: capitals, Latin letters in another script, quotation marks."""
    STAND_IN = "stand_in"
    """A noun or pronoun for something named before; resolved later."""
    SCHEME = "scheme"
    """A scheme that is called after its place; its `kind` is the slug's tail until resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMention:
    """Something mentioned: token indices [first, last), offsets, id and kind.

    `id` is None for a stand-in until it is resolved; its `kind` is "" for a pronoun.
    """

    first: int
    last: int
    start: int
    end: int
    id: str | None
    kind: str
    known: Known


@dataclass(frozen=True, slots=True)
class MeasureCue:
    """A word or phrase that names measures: token indices [first, last)."""

    first: int
    last: int
    namings: tuple[Naming, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A cue at token indices [first, last)."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ModalityCue(Spot):
    """A word that says whether something is observed, estimated, planned or an aim."""

    modality: Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentions:
    """Everything found in one sentence, each list in the order of the text."""

    entities: tuple[EntityMention, ...]
    measures: tuple[MeasureCue, ...]
    needs: tuple[tuple[int, frozenset[str]], ...]
    """Token index and the measures that the word there confirms."""
    excludes: tuple[tuple[int, frozenset[str]], ...]
    modality: tuple[ModalityCue, ...]
    links: dict[int, frozenset[Link]]
    """By the token index after a preposition: what the preposition says."""
    link_tokens: frozenset[int]
    says: tuple[Spot, ...]
    sources: tuple[Spot, ...]
    speakers: tuple[Spot, ...]
    scopes: tuple[tuple[int, int, str], ...]


def mentions(sentence: Sentence, pack: Pack) -> Mentions:
    """Return what the sentence mentions."""
    words, tokens = pack.derive(lexicon), sentence.tokens
    links, link_tokens = _links(words.links.find(tokens))
    return Mentions(
        entities=tuple(_entities(tokens, words, capital_nouns=pack.grammar.numbers.capital_nouns)),
        measures=tuple(_measure_cues(tokens, words)),
        needs=tuple((m.first, m.payload) for m in words.needs.find(tokens, overlapping=True)),
        excludes=tuple((m.first, m.payload) for m in words.excludes.find(tokens, overlapping=True)),
        modality=tuple(_modality_cues(tokens, words, pack)),
        links=links,
        link_tokens=link_tokens,
        says=_spots(words.says.find(tokens)),
        sources=_spots(words.sources.find(tokens)),
        speakers=_spots(words.speakers.find(tokens)),
        scopes=tuple((m.first, m.last, m.payload) for m in words.scopes.find(tokens)),
    )


def slug(name: str) -> str:
    """Return a name's slug: lower case, accents dropped, hyphens between its words."""
    plain = unicodedata.normalize("NFKD", name)
    kept = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return re.sub(r"[\W_]+", "-", kept).strip("-")


def _spots(found: Iterable[Match[bool]]) -> tuple[Spot, ...]:
    return tuple(Spot(match.first, match.last) for match in found)


def _modality_cues(tokens: Sequence[Token], words: Lexicon, pack: Pack) -> Iterator[ModalityCue]:
    found = [ModalityCue(m.first, m.last, m.payload) for m in words.modality.find(tokens)]
    taken = {index for cue in found for index in range(cue.first, cue.last)}
    endings = pack.grammar.modality.future_endings
    if endings:
        for index, token in enumerate(tokens):
            long = len(token.norm) >= FUTURE_LETTERS_MIN and token.text[0].islower()
            if long and index not in taken and token.norm.endswith(endings):
                found.append(ModalityCue(index, index + 1, Modality.PLANNED))
    return iter(sorted(found, key=lambda cue: cue.first))


def _measure_cues(tokens: Sequence[Token], words: Lexicon) -> Iterator[MeasureCue]:
    for match in words.measures.find(tokens):
        is_capital = tokens[match.first].text[0].isupper()
        namings = tuple(n for n in match.payload if is_capital or not n.capital)
        if namings:
            yield MeasureCue(match.first, match.last, namings)


def _links(
    found: Iterable[Match[frozenset[Link]]],
) -> tuple[dict[int, frozenset[Link]], frozenset[int]]:
    links: dict[int, frozenset[Link]] = {}
    held: set[int] = set()
    for match in found:
        links[match.last] = match.payload
        held.update(range(match.first, match.last))
    return links, frozenset(held)


def _entities(
    tokens: Sequence[Token], words: Lexicon, *, capital_nouns: bool
) -> Iterator[EntityMention]:
    """Yield names first, then names by rule, then stand-ins; none overlaps another."""
    taken: set[int] = set()
    found: list[EntityMention] = []
    for mention in (
        *_named(tokens, words),
        *_by_rule(tokens, words),
        *_titled(tokens, words),
        *_schemes(tokens, words),
        *_standing_in(tokens, words),
        *_by_looks(tokens, capital_nouns=capital_nouns),
    ):
        if taken.isdisjoint(range(mention.first, mention.last)):
            taken.update(range(mention.first, mention.last))
            found.append(mention)
    yield from sorted(found, key=lambda mention: mention.first)


def _named(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    for match in words.names.find(tokens):
        text = tokens[match.first].text
        held = [
            called
            for called in match.payload
            if (not called.capital or text[0].isupper()) and called.written in (None, text)
        ]
        if held:
            yield _extended(tokens, match.first, match.last, held[0])


def _extended(tokens: Sequence[Token], first: int, last: int, called: Called) -> EntityMention:
    """Return the mention; a version behind a model's or company's name makes a model's name."""
    end = last
    if called.kind in ("model", "app", "org"):
        end = _version_end(tokens, last, hyphen_only=called.kind == "org")
    known = Known.ADJECTIVE if called.adjective else Known.NAME
    if end == last:
        return _mention(tokens, first, last, called.id, called.kind, known)
    name = "".join(
        token.text + (" " if _spaced(tokens, index) else "")
        for index, token in enumerate(tokens[first:end], first)
    )
    return _mention(tokens, first, end, f"model:{slug(name)}", "model", known)


def _spaced(tokens: Sequence[Token], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].start > tokens[index].end


def _version_end(tokens: Sequence[Token], last: int, *, hyphen_only: bool) -> int:
    """Return where the version behind a name ends: R1, -7B, 5 Lite."""
    end = last
    while end < len(tokens) and end - last < NAME_TOKENS_MAX:
        glued = tokens[end].start == tokens[end - 1].end
        step = _version_step(tokens, end, glued=glued, is_behind=end > last)
        if step == 0 or (hyphen_only and end == last and tokens[end].text != "-"):
            break
        end += step
    return end


def _version_step(tokens: Sequence[Token], at: int, *, glued: bool, is_behind: bool) -> int:
    """Return how many tokens at `at` go on with a version; 0 where it ends."""
    text = tokens[at].text
    if text == "-" and glued:
        follows = at + 1 < len(tokens) and VERSION.fullmatch(tokens[at + 1].text)
        return 2 if follows else 0
    if VERSION.fullmatch(text) and _is_version(tokens, at):
        return 1
    return 1 if is_behind and _is_variant(text, glued=glued) else 0


def _is_variant(text: str, *, glued: bool) -> bool:
    """Whether a word behind a version still belongs to the name: 60B, 5 Lite."""
    return text in VARIANTS or (glued and _latin(text) and len(text) <= VARIANT_LETTERS_MAX)


def _is_version(tokens: Sequence[Token], at: int) -> bool:
    """Whether a number behind a name is its version rather than a figure or a year."""
    text = tokens[at].text
    if not text.isdigit():
        return any(c.isdigit() for c in text) and "," not in text
    return len(text) <= 2


def _by_rule(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    for match in words.kinds.find(tokens):
        yield from _beside_kind(tokens, match)
    for index, token in enumerate(tokens):
        if token.norm in COMPANY_TAILS and index > 0 and token.text[0].isupper():
            first = _capitals_before(tokens, index)
            if first < index:
                yield _made(tokens, first, index, "org")


def _titled(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    """Yield names that begin with their noun of kind in capitals, or quoted before the noun."""
    for match in words.kinds.find(tokens):
        opener = tokens[match.first - 1].text if match.first > 0 else ""
        if opener in OPENING.values():
            first = _quoted_before(tokens, match.first - 1)
            if first is not None:
                yield _made(tokens, first, match.first - 1, match.payload)
        elif match.first > 0 and match.payload in TITLED_KINDS and _is_title(tokens, match.first):
            end = _title_end(tokens, match.last, words)
            if end > match.last:
                yield _made(tokens, match.first, end, match.payload)


def _quoted_before(tokens: Sequence[Token], closing: int) -> int | None:
    for first in range(closing - 1, max(-1, closing - QUOTE_TOKENS_MAX), -1):
        if OPENING.get(tokens[first].text) == tokens[closing].text:
            return first + 1 if closing > first + 1 else None
    return None


def _is_title(tokens: Sequence[Token], at: int) -> bool:
    return tokens[at].kind is TokenKind.WORD and tokens[at].text[0].isupper()


def _title_end(tokens: Sequence[Token], at: int, words: Lexicon) -> int:
    """Return where a name ends that goes on in capitals, small links between them."""
    end, at_most = at, min(at + TITLE_TOKENS_MAX, len(tokens))
    index = at
    while index < at_most:
        if _is_title(tokens, index):
            index += 1
            end = index
        elif (link := words.links.match(tokens, index)) is not None and index == end:
            index = link.last
        else:
            break
    return end


def _by_looks(tokens: Sequence[Token], *, capital_nouns: bool) -> Iterator[EntityMention]:
    """Yield what looks like a company's name although no word says what it is."""
    latin = sum(_latin(t.text) for t in tokens if t.is_word)
    foreign = latin * 2 < sum(t.is_word for t in tokens)
    index = 0
    while index < len(tokens):
        end = _capitals_after(tokens, index)
        if tokens[index].text == "«" and foreign:
            close = _closing(tokens, index)
            if close > index + 1 and tokens[index + 1].text[0].isupper():
                yield _shaped(tokens, index + 1, close)
                end = close
        elif (
            end > index
            and (index > 0 or foreign)
            and _is_name(tokens[index:end], foreign=foreign, alone=capital_nouns)
        ):
            yield _shaped(tokens, index, end)
        index = max(end, index + 1)


def _closing(tokens: Sequence[Token], opening: int) -> int:
    close = OPENING[tokens[opening].text]
    reach = range(opening + 1, min(opening + QUOTED_NAME_TOKENS_MAX, len(tokens)))
    return next((index for index in reach if tokens[index].text == close), 0)


def _is_name(name: Sequence[Token], *, foreign: bool, alone: bool) -> bool:
    """Whether capitals make a name: not those of an acronym or, in some languages, of nouns."""
    words = [t.text for t in name if t.is_word]
    if all(word.isupper() for word in words) or len(words[0]) == 1:
        return False
    inner = any(any(c.isupper() for c in word[1:]) and not word.isupper() for word in words)
    return foreign or inner or (len(words) > 1 and not alone)


def _shaped(tokens: Sequence[Token], first: int, last: int) -> EntityMention:
    made = _made(tokens, first, last, "org")
    return replace(made, known=Known.LOOKS)


def _beside_kind(tokens: Sequence[Token], match: Match[str]) -> Iterator[EntityMention]:
    """Yield the name right after a noun of kind, in marks or in capitals."""
    at = match.last
    if at < len(tokens) and (mark := OPENING.get(tokens[at].text)):
        for end in range(at + 1, min(at + QUOTE_TOKENS_MAX, len(tokens))):
            if tokens[end].text == mark:
                if end > at + 1:
                    yield _made(tokens, at + 1, end, match.payload)
                return
        return
    end = _capitals_after(tokens, at)
    if end > at:
        yield _made(tokens, at, end, match.payload)


def _capitals_after(tokens: Sequence[Token], at: int) -> int:
    end = at
    while end < len(tokens) and end - at < NAME_TOKENS_MAX:
        token = tokens[end]
        is_name = token.kind is TokenKind.WORD and token.text[0].isupper() and _latin(token.text)
        if is_name:
            end += 1
        elif end > at and (version := _version_end(tokens, end, hyphen_only=False)) > end:
            end = version
        else:
            break
    return end


def _capitals_before(tokens: Sequence[Token], last: int) -> int:
    first = last
    while first > 0 and last - first < NAME_TOKENS_MAX:
        token = tokens[first - 1]
        if token.kind is not TokenKind.WORD or not token.text[0].isupper():
            break
        first -= 1
    return first


def _latin(text: str) -> bool:
    return unicodedata.name(text[0], "").startswith("LATIN")


def _standing_in(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    for match in words.stand_ins.find(tokens):
        yield _mention(tokens, match.first, match.last, None, match.payload, Known.STAND_IN)


def _schemes(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    for match in words.schemes.find(tokens):
        yield _mention(tokens, match.first, match.last, None, match.payload, Known.SCHEME)


def _made(tokens: Sequence[Token], first: int, last: int, kind: str) -> EntityMention:
    name = "".join(
        token.text + (" " if _spaced(tokens, index) else "")
        for index, token in enumerate(tokens[first:last], first)
    )
    return _mention(tokens, first, last, f"{kind}:{slug(name)}", kind, Known.RULE)


def _mention(
    tokens: Sequence[Token], first: int, last: int, id_: str | None, kind: str, known: Known
) -> EntityMention:
    return EntityMention(
        first=first,
        last=last,
        start=tokens[first].start,
        end=tokens[last - 1].end,
        id=id_,
        kind=kind,
        known=known,
    )

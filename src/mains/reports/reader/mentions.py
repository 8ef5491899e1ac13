"""What a sentence mentions: things named, words that name measures, cues of many kinds.

`mentions(sentence, pack)` finds them by the pack's words; names that no pack knows are found by
rule, from capitals, quotation marks and the noun of kind beside them. Nothing is bound here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mains.reports.packs import Pack, Token, TokenKind
from mains.reports.packs.phrases import Match
from mains.reports.reader.lexicon import Called, Lexicon, Link, Naming, lexicon
from mains.reports.reader.named import (
    PLACES,
    EntityMention,
    Known,
    dated,
    made,
    mention_at,
    name_of,
    written,
)
from mains.reports.reader.naming import (
    CHIP,
    is_known,
    is_opener,
    is_title_case,
    names_by_looks,
    proper_name,
    unknown_names,
)
from mains.reports.reader.romanising import slug
from mains.reports.reader.text import Sentence
from mains.reports.reader.unspaced import (
    names_beside,
    names_by_ending,
    own_schemes,
    placed_names,
    quoted_names,
    unknown_places,
)
from mains.reports.reader.versions import is_lettered, is_numbered, tier_end, version_end
from mains.reports.values import Modality

__all__ = ["EntityMention", "Known", "Mentions", "mentions", "slug"]

LONG_NAME_TOKENS_MAX: Final = 6
LENGTHENED: Final = frozenset({"org", *PLACES})
FUTURE_LETTERS_MIN: Final = 5
POSSESSIVES: Final = frozenset({"'s", "’s", "'", "-", "的"})
NAMING_LINKS: Final = frozenset({Link.OF, Link.IN, Link.FROM})
DEVELOPERS: Final = frozenset({"org"})


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
    says, speakers = _spots(words.says.find(tokens)), _spots(words.speakers.find(tokens))
    speaking = frozenset(i for spot in (*says, *speakers) for i in range(spot.first, spot.last))
    capital_nouns = pack.grammar.numbers.capital_nouns or is_title_case(tokens)
    return Mentions(
        entities=tuple(_entities(tokens, words, speaking, capital_nouns=capital_nouns)),
        measures=tuple(_measure_cues(tokens, words)),
        needs=tuple((m.first, m.payload) for m in words.needs.find(tokens, overlapping=True)),
        excludes=tuple((m.first, m.payload) for m in words.excludes.find(tokens, overlapping=True)),
        modality=tuple(_modality_cues(tokens, words, pack)),
        links=links,
        link_tokens=link_tokens,
        says=says,
        sources=_spots(words.sources.find(tokens)),
        speakers=speakers,
        scopes=tuple((m.first, m.last, m.payload) for m in words.scopes.find(tokens)),
    )


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
    tokens: Sequence[Token], words: Lexicon, speaking: frozenset[int], *, capital_nouns: bool
) -> Iterator[EntityMention]:
    """Yield names first, then names by rule, then stand-ins; none overlaps another."""
    names = _Found()
    known = _named(tokens, words)
    names.add(known if capital_nouns else (_longer(tokens, m, words) for m in known))
    names.add(unknown_places(tokens, words, tuple(names.held)))
    named = _Found()
    named.add(quoted_names(tokens, words, names.held))
    named.add(placed_names(tokens, words, names.held))
    named.add(own_schemes(tokens, words, names.held))
    named.add(_schemes(tokens, words, names.held, capital_nouns=capital_nouns))
    told = list(unknown_names(tokens, words, speaking, capital_nouns=capital_nouns))
    # A noun of kind tells a name that begins with a known one: the programme Tunis AI Boost.
    named.add(name for name in told if any(_holds(name, known) for known in names.held))
    named.add(names.held)
    named.add(told)
    named.add(names_beside(tokens, words, tuple(named.held)))
    named.add(names_by_ending(tokens, words, tuple(named.held)))
    named.add(_standing_in(tokens, words, capital_nouns=capital_nouns))
    named.add(names_by_looks(tokens, words, speaking, capital_nouns=capital_nouns))
    found = sorted(named.held, key=lambda mention: mention.first)
    yield from (_of_maker(tokens, _served(tokens, m, words), found) for m in found)


def _served(tokens: Sequence[Token], mention: EntityMention, words: Lexicon) -> EntityMention:
    """Return a place that a scheme serves as an attribute of it, and no actor: 面向东盟."""
    is_name = mention.kind in PLACES and mention.known is Known.NAME
    if not is_name or _link_before(tokens, mention.first, words) is None:
        return mention
    return replace(mention, known=Known.ADJECTIVE)


def _holds(name: EntityMention, known: EntityMention) -> bool:
    """Whether a known name begins the longer one, or is a place in it: Cumbre de las Américas."""
    if name.first == known.first:
        return known.last < name.last
    is_place = known.kind in PLACES and known.known is not Known.ADJECTIVE
    return is_place and name.first < known.first and known.last <= name.last


class _Found:
    """Mentions that do not overlap; the first to come stays."""

    def __init__(self) -> None:
        self.held: list[EntityMention] = []
        self._taken: set[int] = set()

    def add(self, mentions: Iterable[EntityMention]) -> None:
        """Add those that overlap none before them; they may be found while they are added."""
        for mention in mentions:
            if self._taken.isdisjoint(range(mention.first, mention.last)):
                self._taken.update(range(mention.first, mention.last))
                self.held.append(mention)


def _named(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    for match in words.names.find(tokens):
        text = tokens[match.first].text
        held = [
            called
            for called in match.payload
            if (not called.capital or text[0].isupper()) and called.written in (None, text)
        ]
        if held:
            yield _extended(tokens, match.first, match.last, held[0], words)
    for index, token in enumerate(tokens):
        family = _family(token, words)
        if family is not None:
            end = version_end(tokens, index + 1, words.counting)
            yield made(tokens, index, end, family.kind, Known.NAME)


def _longer(tokens: Sequence[Token], mention: EntityMention, words: Lexicon) -> EntityMention:
    """Return the longer name that a known one begins: Samsung is not Samsung SDS.

    Its last word may tell its kind. Behind a place it has to, or two words make a name: "Beijing
    Mayor" is none.
    """
    if mention.kind not in LENGTHENED or mention.known is not Known.NAME:
        return mention
    end = mention.last
    while end < len(tokens) and end - mention.first < LONG_NAME_TOKENS_MAX:
        if not _continues(tokens, end, words):
            break
        end += 1
    is_place = mention.kind in PLACES
    for last in range(end, mention.last, -1):
        tail = next((m for m in words.tails.find(tokens[mention.last : last])[-1:]), None)
        if tail is not None and tail.last == last - mention.last:
            return made(tokens, mention.first, last, tail.payload)
    told = sum(_is_told(token, words) for token in tokens[mention.last : end])
    if told < (2 if is_place else 1) or not _is_told(tokens[end - 1], words):
        return mention
    known = Known.LOOKS if is_place else Known.RULE
    if tokens[mention.first].kind is not TokenKind.HAN:
        return made(tokens, mention.first, end, "org", known)
    name = f"org:{name_of(mention.id or '')}-{slug(written(tokens, mention.last, end))}"
    return mention_at(tokens, mention.first, end, name, "org", known)


def _continues(tokens: Sequence[Token], at: int, words: Lexicon) -> bool:
    """Whether a word in a capital, which nothing else is, goes on with the name before it."""
    token = tokens[at]
    return (
        token.kind is TokenKind.WORD
        and token.text[0].isupper()
        and not is_opener(token, words)
        and not is_known(tokens, at, words)
        and CHIP.fullmatch(token.text) is None
    )


def _is_told(token: Token, words: Lexicon) -> bool:
    """Whether a word alone says that a name goes on: no abbreviation, and no word of the pack."""
    is_common = token.norm in words.common or token.norm in words.counting
    return len(token.text) > 2 and not is_common and token.stem not in words.plain


def _family(token: Token, words: Lexicon) -> Called | None:
    """Return the model whose version is written in one word with its name: Qwen3, Llama4."""
    letters = token.text.rstrip("0123456789")
    if not letters or letters == token.text or not letters[0].isalpha():
        return None
    return words.families.get(letters)


def _extended(
    tokens: Sequence[Token], first: int, last: int, called: Called, words: Lexicon
) -> EntityMention:
    """Return the mention; a version behind a model's or company's name makes a model's name."""
    end, kind = last, called.kind
    if kind in ("model", "app", "org"):
        end = version_end(tokens, last, words.counting, hyphen_only=kind == "org")
    if kind == "platform" and is_numbered(tokens, last, words.counting):
        id_ = f"{called.id}-{tokens[last].text}"
        return mention_at(tokens, first, last + 1, id_, kind, Known.NAME)
    if kind == "org" and end == last:
        end = tier_end(tokens, last, words.counting)
    known = Known.ADJECTIVE if called.adjective else Known.NAME
    if end == last:
        return dated(tokens, mention_at(tokens, first, last, called.id, kind, known))
    kept = called.id.partition(":")[2] if not written(tokens, first, last).isascii() else None
    name = kept or slug(written(tokens, first, last))
    version = slug(written(tokens, last, end))
    return mention_at(tokens, first, end, f"model:{name}-{version}", "model", known)


def _of_maker(
    tokens: Sequence[Token], mention: EntityMention, found: Sequence[EntityMention]
) -> EntityMention:
    """Return a model that is called by its version alone with its maker's name before it."""
    if (
        mention.known is not Known.RULE
        or mention.kind != "model"
        or mention.last != mention.first + 1
    ):
        return mention
    if not is_lettered(tokens[mention.first].text):
        return mention
    makers = [m for m in found if m.kind in DEVELOPERS and m.known is Known.NAME and m.id]
    before = [m for m in makers if m.last <= mention.first] or makers
    if len({m.id for m in before}) != 1:
        return mention
    maker = (before[0].id or "").partition(":")[2]
    return replace(mention, id=f"model:{maker}-{slug(tokens[mention.first].text)}")


def _is_in_name(tokens: Sequence[Token], last: int, words: Lexicon) -> bool:
    """Whether a noun in capitals begins a longer name: "el Centro Nacional de X"."""
    if last >= len(tokens) or not tokens[last - 1].text[0].isupper() or last == 1:
        return False
    link = words.links.match(tokens, last)
    at = last if link is None else link.last
    return at < len(tokens) and tokens[at].text[0].isupper()


def _standing_in(
    tokens: Sequence[Token], words: Lexicon, *, capital_nouns: bool
) -> Iterator[EntityMention]:
    for match in words.stand_ins.find(tokens):
        last = match.last
        if not capital_nouns and _is_in_name(tokens, last, words):
            continue
        # A name inside ("the Munich company") leaves the noun to stand in.
        for first in dict.fromkeys((match.first, last - 1)):
            yield mention_at(tokens, first, last, None, match.payload, Known.STAND_IN)


def _schemes(
    tokens: Sequence[Token],
    words: Lexicon,
    named: Sequence[EntityMention],
    *,
    capital_nouns: bool,
) -> Iterator[EntityMention]:
    """Yield schemes and sites that are called after their place.

    A place right beside the noun names it here; schemes without one take the place that the
    paragraph is about, when it is known. One that a longer run of capitals names has a name of its
    own.
    """
    places = [m for m in named if m.kind in PLACES]
    for match in words.schemes.find(tokens):
        kind, _, tail = match.payload.rpartition(":")
        proper = None if capital_nouns else proper_name(tokens, match, words)
        if proper is not None:
            yield made(tokens, *proper, kind or "programme", spelling=words.spelling)
            continue
        place = _place_beside(match, places, words, tokens)
        if place is not None:
            # A place right before the noun is a part of the name, and no subject of its own.
            first = place.first if place.last == match.first else match.first
            held = name_of(place.id or "")
            # A proper name goes on with its place: AI Factory Austria.
            goes_on = place.first == match.last and place.known is not Known.ADJECTIVE
            name = _slug_with(tail, held, goes_on=goes_on)
            last = place.last if goes_on else match.last
            id_ = f"{kind or 'programme'}:{name}"
            yield mention_at(tokens, first, last, id_, kind or "programme", Known.RULE)
        elif not kind:
            yield mention_at(tokens, match.first, match.last, None, tail, Known.SCHEME)


def _slug_with(tail: str, place: str, *, goes_on: bool) -> str:
    if "{place}" in tail:
        return tail.replace("{place}", place)
    return f"{tail}-{place}" if goes_on else f"{place}-{tail}"


def _place_beside(
    match: Match[str], places: Sequence[EntityMention], words: Lexicon, tokens: Sequence[Token]
) -> EntityMention | None:
    """Return the place that a scheme is called after: before its noun, or behind "of" or "in"."""
    last = match.first
    for place in reversed(places):
        between = tokens[place.last : last]
        if place.last <= last and all(token.norm in POSSESSIVES for token in between):
            served = _link_before(tokens, place.first, words)
            if served is None:
                return place
            last = served
    for place in places:
        link = words.links.match(tokens, match.last)
        if link is not None and link.payload & NAMING_LINKS and place.first == link.last:
            return place
        is_proper = tokens[match.first].text[0].isupper() or place.known is Known.ADJECTIVE
        if is_proper and place.first == match.last:
            return place
    return None


def _link_before(tokens: Sequence[Token], at: int, words: Lexicon) -> int | None:
    """Return where the "for" of Han before a place begins, whom a scheme serves: 面向东盟."""
    link = words.links.ending_at(tokens, at)
    is_for = link is not None and Link.FOR in link.payload
    return link.first if link is not None and is_for and tokens[at].kind is TokenKind.HAN else None

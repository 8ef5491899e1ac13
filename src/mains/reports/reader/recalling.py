"""Names that a document has introduced, found again: later, earlier, shortened, abbreviated.

A sentence may name what only another one explains: "the start-up Xyz Systems (XS)" makes "Xyz" at
the head of a sentence the start-up, and "XS" too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mains.reports.packs import Pack, Token, TokenKind
from mains.reports.reader.figures import Figures, Quantity, QuantityKind
from mains.reports.reader.lexicon import Lexicon, lexicon
from mains.reports.reader.mentions import Mentions
from mains.reports.reader.named import KINDLESS, PLACES, EntityMention, Known, mention_at
from mains.reports.reader.romanising import OWN_CHARACTERS_MIN, shortened, slug
from mains.reports.reader.settling import settled, with_editions
from mains.reports.reader.text import Sentence

SHORT_LETTERS_MIN: Final = 4
ABBREVIATION_LETTERS: Final = range(2, 8)
INITIALS_REACH: Final = 12
ALIAS_REACH: Final = 12
QUOTES: Final = {"“": "”", "«": "»", "「": "」", "„": "“", '"': '"'}
OPENING: Final = frozenset("(（")
CLOSING: Final = frozenset(")）")
NAMED_KINDS: Final = frozenset({"org", "programme", "platform", "event", "plan", "model", "app"})
SHORTENED: Final = frozenset({"org", "programme", "platform", "plan"})
SHORTENED_HAN: Final = frozenset({"org", *PLACES})
GIVES_WAY: Final = frozenset({*KINDLESS, Known.STAND_IN})


@dataclass(frozen=True, slots=True)
class Named:
    """What a name introduced by a document stands for."""

    id: str
    kind: str
    known: Known


Memory = dict[str, dict[tuple[str, ...], Named]]
"""By a name's first word: the words of the name, and what it stands for."""


def recalled(parts: Sequence[tuple[Sentence, Pack, Mentions]]) -> list[Mentions]:
    """Return each sentence's mentions with the names that other sentences introduce."""
    told = settled([(s.tokens, found, pack.derive(lexicon)) for s, pack, found in parts])
    parts = [
        (s, pack, _without_chance(s.tokens, found))
        for (s, pack, _), found in zip(parts, told, strict=True)
    ]
    parts = _as_abbreviated(parts)
    memory = _memory(parts)
    held = [
        _with_recalled(sentence.tokens, mentions, memory) if memory else mentions
        for sentence, _, mentions in parts
    ]
    return with_editions(held)


def _as_abbreviated(
    parts: Sequence[tuple[Sentence, Pack, Mentions]],
) -> list[tuple[Sentence, Pack, Mentions]]:
    """Return the mentions with names that no pack knows as the abbreviations that texts prefer.

    Who writes a name in full once, with its abbreviation in brackets, goes by the abbreviation.
    """
    called: dict[str, str] = {}
    for sentence, pack, mentions in parts:
        words, tokens = pack.derive(lexicon), sentence.tokens
        for at, letters in _bracketed(tokens, words):
            before = next((m for m in mentions.entities if m.last == at), None)
            if before is None or before.id is None or before.known is Known.NAME:
                continue
            is_own = before.kind in NAMED_KINDS and tokens[before.first].text[0] == letters[0]
            if is_own and before.last - before.first > 1 and _has_initials(tokens, at, letters):
                called[before.id] = f"{before.kind}:{slug(letters)}"
    return [(s, pack, _as_called(mentions, called)) for s, pack, mentions in parts]


def _as_called(mentions: Mentions, called: Mapping[str, str]) -> Mentions:
    if not any(mention.id in called for mention in mentions.entities):
        return mentions
    held = (
        replace(m, id=called[m.id]) if m.id is not None and m.id in called else m
        for m in mentions.entities
    )
    return replace(mentions, entities=tuple(held))


def _without_chance(tokens: Sequence[Token], mentions: Mentions) -> Mentions:
    """Return the mentions without names of Han that a weak ending alone tells, and only once."""
    held = tuple(
        mention
        for mention in mentions.entities
        if mention.known is not Known.LOOKS
        or any(token.kind is not TokenKind.HAN for token in tokens[mention.first : mention.last])
    )
    return mentions if len(held) == len(mentions.entities) else replace(mentions, entities=held)


def without_versions(figures: Figures, mentions: Mentions) -> Figures:
    """Return the figures with the numbers inside the names of models as parts of these names."""
    inside = {
        index
        for m in mentions.entities
        if m.kind not in PLACES and m.known is not Known.STAND_IN
        for index in range(m.first + 1, m.last)
    }
    if not inside:
        return figures
    return replace(
        figures,
        quantities=tuple(
            replace(quantity, kind=QuantityKind.NAME_NUMBER)
            if not _has_currency(quantity)
            and inside.issuperset(range(quantity.number_first, quantity.number_last))
            else quantity
            for quantity in figures.quantities
        ),
    )


def _has_currency(quantity: Quantity) -> bool:
    """Whether a currency is written at the number: EUR 3.5m is an amount, HyperNova 60B a name."""
    written = quantity.first < quantity.number_first or quantity.number_last < quantity.last
    return quantity.kind is QuantityKind.MONEY and written


def _memory(parts: Sequence[tuple[Sentence, Pack, Mentions]]) -> Memory:
    memory: Memory = {}
    for sentence, pack, mentions in parts:
        words, tokens = pack.derive(lexicon), sentence.tokens
        for mention in mentions.entities:
            told = mention.kind in NAMED_KINDS or mention.known is Known.RULE
            if mention.id is not None and told:
                for name in _names_of(tokens, mention, words):
                    _keep(memory, name, Named(mention.id, mention.kind, mention.known))
        for name, named in _abbreviated(tokens, mentions, words):
            _keep(memory, name, named)
        for name, named in _aliases(tokens, mentions, words):
            memory.setdefault(name[0], {})[name] = named
    return memory


def _keep(memory: Memory, name: tuple[str, ...], named: Named) -> None:
    """Keep what a name stands for: what a word of kind told goes before mere looks."""
    held = memory.setdefault(name[0], {})
    before = held.get(name)
    if before is None or (before.known in KINDLESS and named.known not in KINDLESS):
        held[name] = named


def _names_of(
    tokens: Sequence[Token], mention: EntityMention, words: Lexicon
) -> Iterator[tuple[str, ...]]:
    """Yield the names by which a mention may be meant later: as written, and its first word."""
    held = tokens[mention.first : mention.last]
    if held[-1].kind is TokenKind.HAN and mention.known is not Known.NAME:
        yield from _short_forms(tokens, mention, words)
        return
    if (mention.known is Known.RULE or mention.known in KINDLESS) and held[0].text[0].isupper():
        yield tuple(token.norm for token in held)
    is_long = len(held) > 1 and mention.kind in SHORTENED
    if is_long and mention.known is not Known.LOOKS and _is_telling(tokens, mention.first, words):
        yield (held[0].norm,)


def _short_forms(
    tokens: Sequence[Token], mention: EntityMention, words: Lexicon
) -> Iterator[tuple[str, ...]]:
    """Yield a name of Han as written, and without its endings: 中恒数据科技, 中恒数据, 中恒."""
    held = tokens[mention.first : mention.last]
    norms = tuple(token.norm for token in held)
    if mention.known is Known.LOOKS or not _has_own(held, words, len(held)):
        return
    yield norms
    if mention.kind in SHORTENED_HAN and all(token.kind is TokenKind.HAN for token in held):
        for short in shortened("".join(norms), words.short_ends):
            if _has_own(held, words, len(short)):
                yield norms[: len(short)]


def _has_own(held: Sequence[Token], words: Lexicon, size: int) -> bool:
    """Whether a name's first characters begin with no word and no name that the pack knows."""
    named, known = words.names.match(held, 0), words.vocabulary.find(held)
    covered = {index for match in known for index in range(match.first, match.last)}
    own = [index for index in range(size) if index not in covered]
    return named is None and 0 in own and len(own) >= min(size, OWN_CHARACTERS_MIN)


def _is_telling(tokens: Sequence[Token], at: int, words: Lexicon) -> bool:
    """Whether a name's first word alone tells it: long, in capitals, and nothing else's name."""
    token = tokens[at]
    return (
        token.kind is TokenKind.WORD
        and token.text[0].isupper()
        and len(token.text) >= SHORT_LETTERS_MIN
        and token.norm not in words.common
        and words.names.match([token], 0) is None
        and words.kinds.match([token], 0) is None
        and words.measures.match([token], 0) is None
    )


def _abbreviated(
    tokens: Sequence[Token], mentions: Mentions, words: Lexicon
) -> Iterator[tuple[tuple[str, ...], Named]]:
    """Yield abbreviations in brackets behind the name that they stand for."""
    for at, letters in _bracketed(tokens, words):
        before = next((m for m in mentions.entities if m.last == at and m.id is not None), None)
        name = (tokens[at + 1].norm,)
        if before is not None and before.kind in NAMED_KINDS and before.id is not None:
            yield name, Named(before.id, before.kind, before.known)
        elif _has_initials(tokens, at, letters):
            yield name, Named(f"org:{slug(letters)}", "org", Known.RECURS)


def _bracketed(tokens: Sequence[Token], words: Lexicon) -> Iterator[tuple[int, str]]:
    """Yield where brackets open that hold an abbreviation alone, and its letters."""
    for at in range(1, len(tokens) - 2):
        if tokens[at].text not in OPENING or tokens[at + 2].text not in CLOSING:
            continue
        token = tokens[at + 1]
        shouted = token.kind is TokenKind.WORD and token.text.isupper()
        if not shouted or len(token.text) not in ABBREVIATION_LETTERS:
            continue
        if token.norm not in words.common and words.names.match(tokens, at + 1) is None:
            yield at, token.text


def _aliases(
    tokens: Sequence[Token], mentions: Mentions, words: Lexicon
) -> Iterator[tuple[tuple[str, ...], Named]]:
    """Yield what a bracket says that a name is called by from here on: (以下简称“中恒”)."""
    for match in words.aliases.find(tokens):
        meant = max(
            (m for m in mentions.entities if m.last <= match.first and m.kind in NAMED_KINDS),
            key=lambda mention: mention.last,
            default=None,
        )
        if meant is None or meant.id is None or match.first - meant.last > ALIAS_REACH:
            continue
        for at in range(match.last, min(match.last + ALIAS_REACH, len(tokens))):
            if tokens[at].text in CLOSING:
                break
            end = _closes(tokens, at)
            if end is not None:
                name = tuple(token.norm for token in tokens[at + 1 : end])
                yield name, Named(meant.id, meant.kind, meant.known)


def _closes(tokens: Sequence[Token], at: int) -> int | None:
    """Return where the quotation closes that opens here, if it holds a short name."""
    mark = QUOTES.get(tokens[at].text)
    reach = range(at + 2, min(at + ALIAS_REACH, len(tokens))) if mark else ()
    return next((index for index in reach if tokens[index].text == mark), None)


def _has_initials(tokens: Sequence[Token], last: int, letters: str) -> bool:
    """Whether words before `last` begin with the letters, in their order and from a capital."""
    at, wanted = last - 1, len(letters) - 1
    while at >= max(0, last - INITIALS_REACH) and wanted >= 0:
        if tokens[at].text[0].upper() == letters[wanted]:
            wanted -= 1
        at -= 1
    return wanted < 0


def _with_recalled(tokens: Sequence[Token], mentions: Mentions, memory: Memory) -> Mentions:
    taken = {
        index
        for mention in mentions.entities
        if mention.known not in GIVES_WAY
        for index in range(mention.first, mention.last)
    }
    placed = {m.first: m.last for m in mentions.entities if m.kind in PLACES and m.id is not None}
    found: list[EntityMention] = []
    for index, token in enumerate(tokens):
        names = memory.get(token.norm)
        if names is None or not _is_written_as_name(token):
            continue
        best = max((name for name in names if _stands(tokens, index, name)), key=len, default=None)
        if best is not None and _is_free(index, index + len(best), taken, placed):
            taken.update(range(index, index + len(best)))
            named = names[best]
            found.append(
                mention_at(tokens, index, index + len(best), named.id, named.kind, named.known)
            )
    if not found:
        return mentions
    held = [
        mention
        for mention in mentions.entities
        if all(mention.last <= new.first or new.last <= mention.first for new in found)
    ]
    return replace(mentions, entities=tuple(sorted([*held, *found], key=lambda m: m.first)))


def _is_free(first: int, last: int, taken: set[int], placed: Mapping[int, int]) -> bool:
    """Whether a name may stand there: on nothing but places that it is longer than."""
    inside = {
        index
        for start, end in placed.items()
        if first <= start and end <= last and end - start < last - first
        for index in range(start, end)
    }
    return taken.isdisjoint(set(range(first, last)) - inside)


def _stands(tokens: Sequence[Token], at: int, name: tuple[str, ...]) -> bool:
    return tuple(token.norm for token in tokens[at : at + len(name)]) == name


def _is_written_as_name(token: Token) -> bool:
    return (
        token.kind is TokenKind.HAN or token.text[0].isupper() or token.text != token.text.lower()
    )

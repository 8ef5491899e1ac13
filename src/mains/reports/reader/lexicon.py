"""What the words of a pack can mean, ready to be found in tokens; made once per pack.

`lexicon(pack)` holds one matcher for each sort of word, since one word may be several at once: a
noun that names a measure, a cue that another measure needs, a part of a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from mains.reports.packs import Pack, PhraseMatcher
from mains.reports.packs.models import Phrases
from mains.reports.packs.words import WORDS
from mains.reports.reader.named import PLACES
from mains.reports.reader.romanising import HAN, Spelling
from mains.reports.values import Modality

NOTATION = frozenset("*=|?.{}()")
ACRONYM_LETTERS_MAX = 5
INFLECTED_LETTERS_MIN = 5


class Role(StrEnum):
    """How a word names a measure."""

    NOUN = "noun"
    HEAD = "head"
    """A noun that needs another cue, or gives way to any better one."""
    VERB = "verb"


class Link(StrEnum):
    """What a preposition says; a word may be several."""

    OF = "of"
    IN = "in"
    BY = "by"
    FROM = "from"
    TO = "to"
    FOR = "for"
    WITH = "with"


@dataclass(frozen=True, slots=True)
class Naming:
    """One way in which a word names a measure."""

    measure: str
    role: Role
    capital: bool = False
    """The word is written with a capital: German "Runde" is no "rund"."""


@dataclass(frozen=True, slots=True)
class Called:
    """An entity's name; `capital` tells whether it is written with a capital first letter."""

    id: str
    kind: str
    capital: bool
    adjective: bool
    written: str | None = None
    """An acronym has to be written as it is: MIT is no German preposition."""


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The matchers of one language."""

    measures: PhraseMatcher[tuple[Naming, ...]]
    needs: PhraseMatcher[frozenset[str]]
    excludes: PhraseMatcher[frozenset[str]]
    names: PhraseMatcher[tuple[Called, ...]]
    families: dict[str, Called]
    """Models by their names of one word, which versions are written together with."""
    kinds: PhraseMatcher[str]
    """Nouns of kinds beside a name: the startup X."""
    tails: PhraseMatcher[str]
    """Nouns of kinds that end a name in capitals: Xyz Institute."""
    common: frozenset[str]
    """Abbreviations in capitals that are no names: AI, GPU."""
    plain: frozenset[str]
    """The stems of all words that the pack knows: one alone in a capital is no name."""
    heads: frozenset[str]
    """Nouns of kind that are the first word of the names behind them: Grupo Xyz."""
    capital_nouns: bool
    """Whether the language writes all nouns in capitals."""
    openers: frozenset[str]
    """Small words that sentences begin with in capitals, and that begin no name."""
    counting: frozenset[str]
    """Words that make a figure of the number before them: million, %, euros."""
    spelling: Spelling
    """How names are written in Latin letters."""
    callings: PhraseMatcher[bool]
    """Words between a noun of kind and the name behind it: called."""
    aliases: PhraseMatcher[bool]
    """Words before what a name is called by from there on: hereinafter."""
    weak_tails: PhraseMatcher[str]
    """Endings of names that need another sign: they end common words as well."""
    parts: PhraseMatcher[bool]
    """Words that names without spaces hold beside syllables of their own."""
    vocabulary: PhraseMatcher[bool]
    """Words of a script without spaces, in which no name begins."""
    borders: frozenset[str]
    """Characters of such a script that stand alone, and in no name."""
    kept: dict[str, str]
    """Endings of which a part belongs to the name before it: 城 of 城市 in 聊城市."""
    placed: frozenset[str]
    """Endings of names that keep the place before them: 吉林大学."""
    short_ends: frozenset[str]
    """Endings and parts that a name drops when the text comes back to it."""
    schemes: PhraseMatcher[str]
    """Nouns of schemes that are called after their place; the payload is the slug's tail."""
    stand_ins: PhraseMatcher[str]
    """Phrases that stand for something of a kind named before; "" for pronouns of any kind."""
    modality: PhraseMatcher[Modality]
    links: PhraseMatcher[frozenset[Link]]
    says: PhraseMatcher[bool]
    sources: PhraseMatcher[bool]
    speakers: PhraseMatcher[bool]
    scopes: PhraseMatcher[str]


def lexicon(pack: Pack) -> Lexicon:
    """Return the pack's words by what they can mean."""
    grammar, words = pack.grammar, pack.measures

    def matcher(pairs: Iterable[tuple[str, str]]) -> PhraseMatcher[str]:
        return PhraseMatcher(pairs, pack.tokenizer)

    return Lexicon(
        measures=_together(pack, _namings(pack)),
        needs=_sets(pack, ((p, m) for m, w in words.measures.items() for p in w.needs)),
        excludes=_sets(pack, ((p, m) for m, w in words.measures.items() for p in w.excludes)),
        names=_together(pack, _called(pack)),
        families=_families(pack),
        tails=matcher(_by_kind(pack.names.tails)),
        common=frozenset(
            pack.tokenizer.normalise(word)
            for word in (*pack.root.names.common, *grammar.names.common, *_dated(pack))
        ),
        plain=frozenset(_stems(pack)),
        heads=frozenset(pack.tokenizer.normalise(word) for word in pack.names.heads),
        capital_nouns=grammar.numbers.capital_nouns,
        openers=frozenset(pack.tokenizer.normalise(word) for word in grammar.names.openers),
        counting=_counting(pack),
        spelling=_spelling(pack),
        callings=PhraseMatcher([(p, True) for p in pack.names.callings], pack.tokenizer),
        aliases=PhraseMatcher([(p, True) for p in pack.names.aliases], pack.tokenizer),
        weak_tails=matcher(_by_kind(pack.names.weak_tails)),
        parts=PhraseMatcher([(p, True) for p in pack.names.parts], pack.tokenizer),
        vocabulary=PhraseMatcher([(p, True) for p in _unspaced(pack)], pack.tokenizer),
        borders=frozenset({*pack.names.borders, *grammar.numbers.words}),
        kept=pack.names.kept,
        placed=frozenset(pack.names.placed),
        short_ends=_short_ends(pack),
        kinds=matcher(_by_kind(pack.names.kinds)),
        schemes=matcher(_by_kind(pack.names.schemes)),
        stand_ins=matcher(_stand_ins(pack)),
        modality=PhraseMatcher(_modality(pack), pack.tokenizer),
        links=PhraseMatcher(_links(pack), pack.tokenizer),
        says=PhraseMatcher([(p, True) for p in grammar.speech.verbs], pack.tokenizer),
        sources=PhraseMatcher([(p, True) for p in grammar.speech.sources], pack.tokenizer),
        speakers=PhraseMatcher(
            [(p, True) for p in (*grammar.speech.roles, *grammar.speech.source_nouns)],
            pack.tokenizer,
        ),
        scopes=matcher((p, scope) for scope, held in words.scopes.items() for p in held),
    )


def _families(pack: Pack) -> dict[str, Called]:
    """Return the models by their names of one word, which versions are written together with.

    An application may be called as its models are: Kimi, and Kimi2.
    """
    return {
        name: Called(entity.id, "model", capital=True, adjective=False)
        for entity in pack.entities
        if entity.kind in ("model", "app")
        for name in pack.names_of(entity)
        if name[0].isupper() and " " not in name
    }


def _spelling(pack: Pack) -> Spelling:
    names = pack.names
    return Spelling(
        letters=pack.grammar.names.letters,
        endings=_endings(pack),
        inside=names.inside,
        generic=frozenset(names.generic),
    )


def _endings(pack: Pack) -> dict[str, str]:
    """Return the words for the endings of names: those of schemes, and those for slugs alone."""
    told = {
        phrase: tail.rpartition(":")[2]
        for tail, phrases in pack.names.schemes.items()
        for phrase in phrases
        if HAN.fullmatch(phrase) and "{" not in tail
    }
    return {**told, **pack.names.slugs}


def _short_ends(pack: Pack) -> frozenset[str]:
    """Return what a name drops: legal forms, words that firms are called with, 市 of a place."""
    names = pack.names
    dropped = (ending for ending, word in names.slugs.items() if not word)
    held = (*names.generic, *names.parts, *dropped, *chain(*names.weak_tails.values()))
    return frozenset((*held, *chain(*(names.tails.get(kind, ()) for kind in PLACES))))


def _unspaced(pack: Pack) -> set[str]:
    """Return the words of Han that the pack knows anything of, and its common ones."""
    names = pack.names.model_dump(exclude={"inside"})
    held = (pack.grammar.model_dump(), pack.measures.model_dump(), names)
    return {run for phrase in _strings(held) for run in HAN.findall(phrase) if len(run) > 1}


def _counting(pack: Pack) -> frozenset[str]:
    grammar = pack.grammar
    held = (*grammar.numbers.scales, *grammar.currencies, *pack.units)
    return frozenset(pack.tokenizer.normalise(phrase.split()[0]) for phrase in held if phrase)


def _stems(pack: Pack) -> Iterator[str]:
    held = (pack.grammar.model_dump(), pack.measures.model_dump(), pack.names.model_dump())
    for phrase in {phrase for phrase in _strings(held) if not phrase[:1].isupper()}:
        for text, kind in pack.tokenizer.pieces(phrase):
            if kind in WORDS:
                yield pack.tokenizer.stem(text)


def _strings(held: object) -> Iterator[str]:
    if isinstance(held, str):
        yield held
    elif isinstance(held, Mapping):
        yield from (key for key in held if isinstance(key, str) and key)
        yield from (text for value in held.values() for text in _strings(value))
    elif isinstance(held, list | tuple | set | frozenset):
        yield from (text for value in held for text in _strings(value))


def _dated(pack: Pack) -> Iterator[str]:
    """Yield the names of months and weekdays, which some languages write in capitals."""
    for held in (pack.locale.months, pack.locale.days):
        for width in ("wide", "abbreviated"):
            yield from (name.strip(".") for name in held["format"][width].values())


def _by_kind(held: Mapping[str, Phrases]) -> Iterator[tuple[str, str]]:
    for kind, phrases in held.items():
        yield from ((phrase, kind) for phrase in phrases)


def _namings(pack: Pack) -> Iterator[tuple[str, Naming]]:
    for measure, words in pack.measures.measures.items():
        if measure in pack.rules:
            yield from _named_by(measure, Role.NOUN, words.nouns)
            yield from _named_by(measure, Role.HEAD, words.heads)
            yield from _named_by(measure, Role.VERB, words.verbs)


def _named_by(measure: str, role: Role, phrases: Phrases) -> Iterator[tuple[str, Naming]]:
    for phrase in phrases:
        # A word of capitals alone (AI) starts so in any text; only a lone capital tells a noun.
        capital = phrase[:1].isupper() and phrase[1:2].islower()
        yield phrase, Naming(measure, role, capital)


def _called(pack: Pack) -> Iterator[tuple[str, Called]]:
    for entity in pack.entities:
        for name in pack.names_of(entity):
            # A name of a cased script that begins small is an adjective or a common noun.
            small = name == name.lower() and name[0].islower()
            acronym = name if name.isupper() and len(name) <= ACRONYM_LETTERS_MAX else None
            called = Called(entity.id, entity.kind, name[0].isupper(), small, acronym)
            if small or not pack.grammar.inflects_names:
                yield (name if small else _exact(name)), called
            else:
                yield from ((form, called) for form in _inflected(name))


def _stand_ins(pack: Pack) -> Iterator[tuple[str, str]]:
    held = pack.grammar.coreference
    for kind in type(held).model_fields:
        phrases: Phrases = getattr(held, kind)
        yield from ((phrase, "" if kind == "pronouns" else kind) for phrase in phrases)


def _modality(pack: Pack) -> Iterator[tuple[str, Modality]]:
    words = pack.grammar.modality
    for modality in (Modality.OBSERVED, Modality.TARGET, Modality.ESTIMATED, Modality.PLANNED):
        phrases: Phrases = getattr(words, modality.value)
        # Tenses share their stem: a form is matched as it is written, or by its prefix.
        yield from ((_exact(phrase), modality) for phrase in phrases)


def _links(pack: Pack) -> Iterator[tuple[str, frozenset[Link]]]:
    words = pack.grammar.prepositions
    held: dict[str, set[Link]] = {}
    for link, phrases in (
        (Link.OF, words.of),
        (Link.IN, words.in_),
        (Link.BY, words.by),
        (Link.FROM, words.from_),
        (Link.TO, words.to),
        (Link.FOR, words.for_),
        (Link.WITH, words.with_),
    ):
        for phrase in phrases:
            # A preposition is matched as it is written: stems of such short words collide.
            held.setdefault(_exact(phrase), set()).add(link)
    for phrase, links in held.items():
        yield phrase, frozenset(links)


def _inflected(name: str) -> Iterator[str]:
    """Yield how a name that takes endings is found: by its stem, and by all but its last letter."""
    yield name
    if len(name) >= INFLECTED_LETTERS_MIN and not set(name) & (NOTATION | {" ", "-"}):
        yield f"{name}*"
        if len(name) > INFLECTED_LETTERS_MIN:
            yield f"{name[:-1]}*"


def _exact(phrase: str) -> str:
    """Return the phrase so that each plain word of it matches only as it is written."""
    if set(phrase) & NOTATION:
        return phrase
    return " ".join(f"{word}=" for word in phrase.split())


def _sets(pack: Pack, pairs: Iterable[tuple[str, str]]) -> PhraseMatcher[frozenset[str]]:
    held: dict[str, set[str]] = {}
    written: dict[str, str] = {}
    for phrase, measure in pairs:
        key = _key(pack, phrase)
        held.setdefault(key, set()).add(measure)
        written.setdefault(key, phrase)
    _widen(held)
    # Of phrases as long, the first one is found: whole words go before beginnings.
    ordered = sorted(held, key=lambda key: (key.endswith("*"), -len(key)))
    return PhraseMatcher([(written[key], frozenset(held[key])) for key in ordered], pack.tokenizer)


def _widen(held: dict[str, set[str]]) -> None:
    """Give a word the measures of the shorter beginnings that hold for it too: one match counts."""
    single = [key for key in held if key.endswith("*") and " " not in key]
    starts = {key[:-1]: frozenset(held[key]) for key in single}
    for key, measures in held.items():
        for start, others in starts.items():
            if key.startswith(start):
                measures.update(others)


def _together(pack: Pack, pairs: Iterable[tuple[str, object]]) -> PhraseMatcher:  # type: ignore[type-arg]
    """Return a matcher that gives all meanings of a phrase at once, forms of one stem together."""
    held: dict[str, list[object]] = {}
    written: dict[str, str] = {}
    for phrase, meaning in pairs:
        key = _key(pack, phrase)
        if meaning not in held.setdefault(key, []):
            held[key].append(meaning)
        written.setdefault(key, phrase)
    return PhraseMatcher(
        [(written[key], tuple(meanings)) for key, meanings in held.items()], pack.tokenizer
    )


def _key(pack: Pack, phrase: str) -> str:
    if set(phrase) & NOTATION:
        return phrase
    return " ".join(pack.tokenizer.stem(text) for text, _ in pack.tokenizer.pieces(phrase))

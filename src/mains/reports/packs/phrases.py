"""Phrases of the packs, found in tokens by one trie.

Notation, elements divided by spaces:

- `word`    a token whose normalised form or stem is equal
- `word=`   only the normalised form
- `word*`   a token that begins so
- `*word`   a token whose stem ends as the word's does: `*fonds` finds Zukunftsfonds
- `a|b`, `(a|b)`, `(a b|c)`  alternatives; `(a|b)=` is `(a=|b=)`
- `?word`, `?(a|b)`  an optional element
- `...`     a gap of up to three words, which crosses no punctuation
- `{name}`  a slot, which the caller fills (numbers, years, ordinals)

Scripts without spaces are written as they stand: `超过{n}家`. The longest match wins; of equal
ones, the first in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from mains.reports.packs.words import APOSTROPHES, Token, Tokenizer, TokenKind

GAP_TOKENS_MAX: Final = 3
EXPANSIONS_MAX: Final = 512
STARTS_MAX: Final = 4_096

NOTATION: Final = re.compile(r"[|?(){}]|\.\.\.")

Payload = TypeVar("Payload")
Slots = Mapping[str, Mapping[int, int]]
"""By slot's name: the token index at which a filling begins, and the index after its end."""


class PhraseError(ValueError):
    """A phrase that breaks the notation."""


@dataclass(frozen=True, slots=True)
class Match(Generic[Payload]):
    """A phrase found: token indices [first, last), what the phrase stands for, filled slots."""

    first: int
    last: int
    payload: Payload
    order: int
    slots: tuple[tuple[str, int, int], ...] = ()

    def slot(self, name: str) -> tuple[int, int] | None:
        """The token indices that fill the slot, or None."""
        return next(((a, b) for slot, a, b in self.slots if slot == name), None)


@dataclass(slots=True)
class _Node:
    """Where a phrase has come to; packs have many, so that what few need is made when needed."""

    norms: dict[str, _Node] | None = None
    stems: dict[str, _Node] | None = None
    rare: _Rare | None = None
    final: int | None = None
    is_leaf: bool = True
    """Nothing goes on from here."""


@dataclass(slots=True)
class _Rare:
    """How a phrase goes on other than by a word."""

    prefixes: dict[str, _Node] = field(default_factory=dict)
    prefix_lengths: tuple[int, ...] = ()
    suffixes: dict[str, _Node] = field(default_factory=dict)
    suffix_lengths: tuple[int, ...] = ()
    slots: dict[str, _Node] = field(default_factory=dict)
    gap: _Node | None = None


_Atom = tuple[str, str]
"""Kind (word, exact, prefix, suffix, slot, gap) and text."""
_Filled = tuple[tuple[str, int, int], ...]
_End = tuple[int, int, _Filled]
"""Where a phrase ends, which one it is, and what fills its slots."""
NO_NODES: Final[Mapping[str, _Node]] = {}


class PhraseMatcher(Generic[Payload]):
    """Finds phrases in tokens; made once per pack, then only read."""

    def __init__(self, phrases: Iterable[tuple[str, Payload]], tokenizer: Tokenizer) -> None:
        self._root = _Node()
        self._payloads: list[Payload] = []
        self._known: dict[str, tuple[_Node, ...]] = {}
        """By a token's form: where parts of it lead from the root."""
        self._barren: set[str] = set()
        """Those of these forms that lead nowhere."""
        for phrase, payload in phrases:
            order = len(self._payloads)
            self._payloads.append(payload)
            for atoms in _expand(phrase, tokenizer):
                self._add(atoms, order, tokenizer)
        rare = self._root.rare or _Rare()
        self._slots = rare.slots
        self._has_parts = bool(rare.prefixes or rare.suffixes)
        """Whether a part of a word may begin a phrase, which takes longer to tell."""

    def __bool__(self) -> bool:
        return bool(self._payloads)

    def match(
        self, tokens: Sequence[Token], index: int, slots: Slots | None = None
    ) -> Match[Payload] | None:
        """Return the longest match that begins at token `index`."""
        if index >= len(tokens):
            return None
        starts = self._starts(tokens[index])
        if not starts and (slots is None or not self._is_filled(index, slots)):
            return None
        return self._longest(tokens, index, slots or {}, starts)

    def ending_at(
        self, tokens: Sequence[Token], last: int, reach: int = 6, slots: Slots | None = None
    ) -> Match[Payload] | None:
        """Return the longest match that ends before token index `last`."""
        for index in range(max(0, last - reach), last):
            starts = self._starts(tokens[index])
            if not starts and (slots is None or not self._is_filled(index, slots)):
                continue
            for found, order, filled in self._ends(tokens, index, slots or {}, starts):
                if found == last:
                    return Match(index, last, self._payloads[order], order, filled)
        return None

    def find(
        self,
        tokens: Sequence[Token],
        slots: Slots | None = None,
        *,
        overlapping: bool = False,
    ) -> list[Match[Payload]]:
        """Return the longest match at each place, left to right; by default without overlaps."""
        found: list[Match[Payload]] = []
        end, held, places = 0, slots or {}, self._places(tokens)
        if slots and self._slots:
            filled = {index for name in self._slots for index in slots.get(name, ())}
            places = sorted(filled.union(places))
        for index in places:
            if index < end:
                continue
            match = self._longest(tokens, index, held, self._starts(tokens[index]))
            if match is not None:
                found.append(match)
                end = index if overlapping else match.last
        return found

    def _places(self, tokens: Sequence[Token]) -> list[int]:
        """Return where a phrase may begin: at few tokens, which is what makes a reader fast."""
        if self._has_parts:
            barren = self._barren
            return [index for index, token in enumerate(tokens) if token.norm not in barren]
        norms, stems = self._root.norms or NO_NODES, self._root.stems or NO_NODES
        return [
            index
            for index, token in enumerate(tokens)
            if token.stem in stems or token.norm in norms
        ]

    def _starts(self, token: Token) -> Sequence[_Node]:
        """Return the nodes that the token leads to from the root."""
        if not self._has_parts:
            return _steps(self._root, token)
        starts = self._known.get(token.norm)
        if starts is None:
            if len(self._known) >= STARTS_MAX:
                self._known.clear()
                self._barren.clear()
            # Kept, as words come again; stem and kind follow from the form.
            starts = self._known[token.norm] = tuple(_steps(self._root, token))
            if not starts:
                self._barren.add(token.norm)
        return starts

    def _is_filled(self, index: int, slots: Slots) -> bool:
        return any(index in slots.get(name, ()) for name in self._slots)

    def _longest(
        self, tokens: Sequence[Token], index: int, slots: Slots, starts: Sequence[_Node]
    ) -> Match[Payload] | None:
        if len(starts) == 1 and not (slots and self._slots):
            node = starts[0]
            if node.is_leaf and node.final is not None:
                return Match(index, index + 1, self._payloads[node.final], node.final)
            if node.final is None and not _may_go_on(node, tokens, index + 1):
                return None
        ends = self._ends(tokens, index, slots, starts)
        if not ends:
            return None
        last, order, filled = min(ends, key=_longest_first)
        return Match(index, last, self._payloads[order], order, filled)

    def _add(self, atoms: Sequence[_Atom], order: int, tokenizer: Tokenizer) -> None:
        node = self._root
        for index, (kind, text) in enumerate(atoms):
            if kind == "gap" and index in (0, len(atoms) - 1):
                raise PhraseError("a gap must stand between two words")
            node = _grown(node, kind, text, tokenizer)
        if node is self._root:
            raise PhraseError("an empty phrase matches everything")
        node.final = order if node.final is None else min(node.final, order)

    def _ends(
        self, tokens: Sequence[Token], index: int, slots: Slots, starts: Sequence[_Node]
    ) -> list[_End]:
        """Return where the phrases that begin at `index` end."""
        size = len(tokens)
        ends: list[_End] = []
        pending: list[tuple[_Node, int, _Filled]] = [(node, index + 1, ()) for node in starts]
        if slots and self._slots:
            pending += _filled(self._slots, index, (), slots)
        while pending:
            node, at, filled = pending.pop()
            if node.final is not None:
                ends.append((at, node.final, filled))
            if node.is_leaf or at >= size:
                continue
            for following in _steps(node, tokens[at]):
                pending.append((following, at + 1, filled))
            if node.rare is not None:
                if slots:
                    pending += _filled(node.rare.slots, at, filled, slots)
                if node.rare.gap is not None:
                    gap = node.rare.gap
                    pending.extend((gap, to, filled) for to in _gap_ends(tokens, at))
        return ends


def _longest_first(end: _End) -> tuple[int, int]:
    return -end[0], end[1]


def _filled(
    following: Mapping[str, _Node], at: int, filled: _Filled, slots: Slots
) -> Iterator[tuple[_Node, int, _Filled]]:
    """Yield where the slots that something fills at a token lead."""
    for name, node in following.items():
        end = slots.get(name, {}).get(at)
        if end is not None:
            yield node, end, (*filled, (name, at, end))


def _may_go_on(node: _Node, tokens: Sequence[Token], at: int) -> bool:
    """Whether the token may lead on; nearly all phrases end at their second word."""
    if node.rare is not None:
        return True
    if at >= len(tokens):
        return False
    token = tokens[at]
    return (node.stems is not None and token.stem in node.stems) or (
        node.norms is not None and token.norm in node.norms
    )


def _steps(node: _Node, token: Token) -> Sequence[_Node]:
    """Return where the token leads to."""
    held: list[_Node] = []
    if node.norms is not None and (following := node.norms.get(token.norm)) is not None:
        held.append(following)
    if node.stems is not None and (following := node.stems.get(token.stem)) is not None:
        held.append(following)
    return held if node.rare is None else _rare_steps(node.rare, token, held)


def _rare_steps(rare: _Rare, token: Token, held: list[_Node]) -> Sequence[_Node]:
    norm, is_listed = token.norm, bool(held)
    for length in rare.prefix_lengths:
        if (following := rare.prefixes.get(norm[:length])) is not None:
            held.append(following)
            is_listed = True
    # A word that is listed as such is no compound: plafond is no fonds.
    for length in () if is_listed else rare.suffix_lengths:
        if (following := rare.suffixes.get(token.stem[-length:])) is not None:
            held.append(following)
    return held


def _gap_ends(tokens: Sequence[Token], at: int) -> Iterator[int]:
    yield at
    for step in range(GAP_TOKENS_MAX):
        if at + step >= len(tokens) or tokens[at + step].kind is TokenKind.PUNCTUATION:
            return
        yield at + step + 1


def _grown(node: _Node, kind: str, text: str, tokenizer: Tokenizer) -> _Node:
    """Return the node that an atom leads to, made where there is none."""
    node.is_leaf = False
    if kind == "word":
        # All forms of the word share its stem's node, so that a phrase stays one path.
        node.stems = node.stems if node.stems is not None else {}
        return node.stems.setdefault(tokenizer.stem(text), _Node())
    if kind == "exact":
        node.norms = node.norms if node.norms is not None else {}
        return node.norms.setdefault(tokenizer.normalise(text), _Node())
    rare = node.rare = node.rare or _Rare()
    if kind == "gap":
        rare.gap = rare.gap or _Node()
        return rare.gap
    if kind == "slot":
        return rare.slots.setdefault(text, _Node())
    if kind == "prefix":
        norm = tokenizer.normalise(text)
        rare.prefix_lengths = _with_length(rare.prefix_lengths, norm)
        return rare.prefixes.setdefault(norm, _Node())
    stem = tokenizer.stem(text)
    rare.suffix_lengths = _with_length(rare.suffix_lengths, stem)
    return rare.suffixes.setdefault(stem, _Node())


def _with_length(lengths: tuple[int, ...], text: str) -> tuple[int, ...]:
    """Return the lengths with that of the text, the longest first."""
    return tuple(sorted({*lengths, len(text)}, reverse=True))


def _expand(phrase: str, tokenizer: Tokenizer) -> list[tuple[_Atom, ...]]:
    """Return the phrase's plain sequences of atoms, alternatives and options multiplied out."""
    if NOTATION.search(phrase) is None:
        # Names and single words, which are most phrases, need no multiplying.
        return [tuple(atom for word in phrase.split() for atom in _atoms(word, tokenizer))]
    sequences: list[tuple[_Atom, ...]] = [()]
    for optional, alternatives in _elements(phrase):
        ways: list[tuple[_Atom, ...]] = [()] if optional else []
        for alternative in alternatives:
            ways.extend(_sequence(alternative, tokenizer))
        sequences = [(*head, *way) for head in sequences for way in ways]
        if len(sequences) > EXPANSIONS_MAX:
            raise PhraseError(f"{phrase!r} stands for more than {EXPANSIONS_MAX} phrases")
    return sequences


def _elements(phrase: str) -> Iterator[tuple[bool, list[str]]]:
    for element in re.findall(r"\??\((?:[^()]*)\)=?|[^\s()]+", phrase.strip()):
        optional = element.startswith("?") and len(element) > 1
        body = element[1:] if optional else element
        if body.startswith("(") and body.endswith(")="):
            body = "|".join(f"{way.rstrip('=')}=" for way in body[1:-2].split("|"))
        elif body.startswith("(") and body.endswith(")"):
            body = body[1:-1]
        yield optional, body.split("|") if len(body) > 1 else [body]


def _sequence(words: str, tokenizer: Tokenizer) -> list[tuple[_Atom, ...]]:
    atoms: list[_Atom] = []
    for word in words.split():
        for part in re.findall(r"\{\w+\}|\.\.\.|(?:(?!\{\w+\}|\.\.\.).)+", word):
            if part == "...":
                atoms.append(("gap", ""))
            elif part[0] == "{" and part[-1] == "}" and len(part) > 2:
                atoms.append(("slot", part[1:-1]))
            else:
                atoms.extend(_atoms(part, tokenizer))
    return [tuple(atoms)]


def _atoms(part: str, tokenizer: Tokenizer) -> Iterator[_Atom]:
    kind = "word"
    if len(part) > 1 and part[-1] in "=*":
        kind = "exact" if part[-1] == "=" else "prefix"
        part = part[:-1]
    elif len(part) > 1 and part[0] == "*":
        kind, part = "suffix", part[1:]
    # An elided word keeps its apostrophe only before a letter.
    elided = len(part) > 1 and part[-1] in APOSTROPHES
    pieces = tokenizer.pieces(f"{part}a")[:-1] if elided else tokenizer.pieces(part)
    for index, (text, piece) in enumerate(pieces):
        last = index == len(pieces) - 1
        if piece is not TokenKind.WORD:
            yield "exact", text
        elif last or kind == "exact":
            yield kind, text
        else:
            yield "word", text

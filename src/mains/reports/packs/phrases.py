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
    norms: dict[str, _Node] = field(default_factory=dict)
    stems: dict[str, _Node] = field(default_factory=dict)
    prefixes: dict[str, _Node] = field(default_factory=dict)
    prefix_lengths: tuple[int, ...] = ()
    suffixes: dict[str, _Node] = field(default_factory=dict)
    suffix_lengths: tuple[int, ...] = ()
    slots: dict[str, _Node] = field(default_factory=dict)
    gap: _Node | None = None
    final: int | None = None
    is_leaf: bool = True
    """Nothing goes on from here."""


_Atom = tuple[str, str]
"""Kind (word, exact, prefix, suffix, slot, gap) and text."""
_Filled = tuple[tuple[str, int, int], ...]


class PhraseMatcher(Generic[Payload]):
    """Finds phrases in tokens; made once per pack, then only read."""

    def __init__(self, phrases: Iterable[tuple[str, Payload]], tokenizer: Tokenizer) -> None:
        self._root = _Node()
        self._payloads: list[Payload] = []
        self._first: dict[str, tuple[_Node, ...]] = {}
        """By a token's form: where the root leads; its stem and kind follow from the form."""
        for phrase, payload in phrases:
            order = len(self._payloads)
            self._payloads.append(payload)
            for atoms in _expand(phrase, tokenizer):
                self._add(atoms, order, tokenizer)

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
            for found, order, filled in self._walk(tokens, index, slots or {}, starts):
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
        known, end, held = self._first.get, 0, slots or {}
        filled = {index for name in self._root.slots for index in held.get(name, ())}
        for index, token in enumerate(tokens):
            # Most tokens end the search here, which is what makes a reader fast.
            starts = known(token.norm)
            if starts is None:
                starts = self._starts(token)
            if not starts and (not filled or index not in filled):
                continue
            if index < end:
                continue
            match = self._longest(tokens, index, held, starts)
            if match is not None:
                found.append(match)
                end = index if overlapping else match.last
        return found

    def _starts(self, token: Token) -> tuple[_Node, ...]:
        """Return the nodes that the token leads to from the root; kept, as words come again."""
        starts = self._first.get(token.norm)
        if starts is None:
            if len(self._first) >= STARTS_MAX:
                self._first.clear()
            starts = self._first[token.norm] = tuple(_steps(self._root, token))
        return starts

    def _is_filled(self, index: int, slots: Slots) -> bool:
        return any(index in slots.get(name, ()) for name in self._root.slots)

    def _longest(
        self, tokens: Sequence[Token], index: int, slots: Slots, starts: Sequence[_Node]
    ) -> Match[Payload] | None:
        if len(starts) == 1 and not self._root.slots:
            (node,) = starts
            if node.is_leaf and node.final is not None:
                return Match(index, index + 1, self._payloads[node.final], node.final)
        best: tuple[int, int, _Filled] | None = None
        for last, order, filled in self._walk(tokens, index, slots, starts):
            if best is None or last > best[0] or (last == best[0] and order < best[1]):
                best = (last, order, filled)
        if best is None:
            return None
        return Match(index, best[0], self._payloads[best[1]], best[1], best[2])

    def _add(self, atoms: Sequence[_Atom], order: int, tokenizer: Tokenizer) -> None:
        node = self._root
        for index, (kind, text) in enumerate(atoms):
            node.is_leaf = False
            if kind == "gap":
                if index in (0, len(atoms) - 1):
                    raise PhraseError("a gap must stand between two words")
                node.gap = node.gap or _Node()
                node = node.gap
            elif kind == "prefix":
                norm = tokenizer.normalise(text)
                node = _prefix(node, norm)
            elif kind == "suffix":
                node = _suffix(node, tokenizer.stem(text))
            elif kind == "slot":
                node = node.slots.setdefault(text, _Node())
            else:
                # One node serves norm and stem, so that a phrase stays one path.
                norm = tokenizer.normalise(text)
                node = _word(node, norm, None if kind == "exact" else tokenizer.stem(text))
        if node is self._root:
            raise PhraseError("an empty phrase matches everything")
        node.final = order if node.final is None else min(node.final, order)

    def _walk(
        self, tokens: Sequence[Token], index: int, slots: Slots, starts: Sequence[_Node]
    ) -> Iterator[tuple[int, int, _Filled]]:
        size = len(tokens)
        pending: list[tuple[_Node, int, _Filled]] = [(node, index + 1, ()) for node in starts]
        for name, following in self._root.slots.items():
            end = slots.get(name, {}).get(index)
            if end is not None:
                pending.append((following, end, ((name, index, end),)))
        while pending:
            node, at, filled = pending.pop()
            if node.final is not None:
                yield at, node.final, filled
            if at >= size or node.is_leaf:
                continue
            for following in _steps(node, tokens[at]):
                pending.append((following, at + 1, filled))
            for name, following in node.slots.items():
                end = slots.get(name, {}).get(at)
                if end is not None:
                    pending.append((following, end, (*filled, (name, at, end))))
            if node.gap is not None:
                pending.extend((node.gap, to, filled) for to in _gap_ends(tokens, at))


def _steps(node: _Node, token: Token) -> list[_Node]:
    norm = token.norm
    held: list[_Node] = []
    if (following := node.norms.get(norm)) is not None:
        held.append(following)
    if node.stems and (following := node.stems.get(token.stem)) is not None:
        held.append(following)
    for length in node.prefix_lengths:
        if (following := node.prefixes.get(norm[:length])) is not None:
            held.append(following)
    # A word that is listed as such is no compound: plafond is no fonds.
    for length in () if held else node.suffix_lengths:
        if (following := node.suffixes.get(token.stem[-length:])) is not None:
            held.append(following)
    return held


def _gap_ends(tokens: Sequence[Token], at: int) -> Iterator[int]:
    yield at
    for step in range(GAP_TOKENS_MAX):
        if at + step >= len(tokens) or tokens[at + step].kind is TokenKind.PUNCTUATION:
            return
        yield at + step + 1


def _word(node: _Node, norm: str, stem: str | None) -> _Node:
    if stem is None:
        return node.norms.setdefault(norm, _Node())
    # An exact form goes first; the stem's node is shared by all forms of the word.
    return node.stems.setdefault(stem, _Node())


def _prefix(node: _Node, norm: str) -> _Node:
    if len(norm) not in node.prefix_lengths:
        node.prefix_lengths = tuple(sorted({len(norm), *node.prefix_lengths}, reverse=True))
    return node.prefixes.setdefault(norm, _Node())


def _suffix(node: _Node, stem: str) -> _Node:
    if len(stem) not in node.suffix_lengths:
        node.suffix_lengths = tuple(sorted({len(stem), *node.suffix_lengths}, reverse=True))
    return node.suffixes.setdefault(stem, _Node())


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

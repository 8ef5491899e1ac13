"""Words of a text: tokens with offsets, normalised forms and stems.

A token is a word (letters, marks and digits after letters: "R1", "H100"), a number with its inner
separators ("2.400", "1 000", "25,3"), one character of a script without spaces, or one other
character. A number before letters is a token of its own ("5G", "1.2bn", "25MW"), and so is a
currency code before digits ("RMB450"). Where a language writes magnitudes against the digits, a
name before them is one too ("OpenAI300亿").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import snowballstemmer  # type: ignore[import-untyped]

STEMS_MAX: Final = 65_536
PLURAL_LETTERS_MIN: Final = 4

# Scripts that put no space between words: Han, kana, Thai, Lao, Khmer, Burmese. One character is a
# token there.
UNSPACED: Final = (
    "\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
IS_UNSPACED: Final = re.compile(f"[{UNSPACED}]")
HARD_SPACES: Final = "\u00a0\u2009\u202f"
APOSTROPHES: Final = "'’ʼ"
FRACTIONS: Final = "\u00bc-\u00be\u2150-\u215e"


class TokenKind(StrEnum):
    """What a token is made of."""

    WORD = "word"
    NUMBER = "number"
    HAN = "han"
    """One character of a script without spaces."""
    CURRENCY = "currency"
    PUNCTUATION = "punct"


WORDS: Final = (TokenKind.WORD, TokenKind.HAN)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: offsets into the document, its text, normalised form and stem."""

    start: int
    end: int
    text: str
    norm: str
    stem: str
    kind: TokenKind

    @property
    def is_word(self) -> bool:
        """Whether it is a word or a character of a script without spaces."""
        return self.kind in WORDS


class Tokenizer:
    """Cuts text of one language into tokens; holds the language's cache of stems."""

    def __init__(
        self,
        *,
        stemmer: str | None = None,
        plurals: Mapping[str, str] | None = None,
        apostrophe: str = "none",
        fold: Mapping[str, str] | None = None,
        plain_space_groups: bool = False,
        glued_prefixes: Iterable[str] = (),
        glued_letters: str = "",
        scales: Iterable[str] = (),
        magnitudes: str = "",
    ) -> None:
        self._fold = str.maketrans(dict(fold or {}))
        self._stem = _stemming(stemmer, plurals or {})
        letters = _lettered(glued_letters, scales)
        self._pattern = re.compile(
            _pattern(apostrophe, plain_space_groups, glued_prefixes, letters, magnitudes)
        )
        self._norm = lru_cache(maxsize=STEMS_MAX)(self._normal)
        self._form = lru_cache(maxsize=STEMS_MAX)(self._forms)

    def tokens(self, text: str, start: int = 0, end: int | None = None) -> list[Token]:
        """Return the tokens of `text[start:end]` in order; offsets are those of `text`."""
        form = self._form
        return [
            Token(match.start(), match.end(), match.group(), *form(match.group()))
            for match in self._pattern.finditer(text, start, len(text) if end is None else end)
        ]

    def normalise(self, word: str) -> str:
        """Return the form by which words are compared: NFKC, case folded, characters folded."""
        return self._norm(word)

    def pieces(self, text: str) -> list[tuple[str, TokenKind]]:
        """Return text and kind of each token; no stems are made, which take most of the time."""
        if text.isascii() and text.isalpha():
            return [(text, TokenKind.WORD)]
        return [(word, _kind(word)) for word in self._pattern.findall(text)]

    def stem(self, word: str) -> str:
        """Return the stem of the word's normalised form."""
        return self._form(word)[1]

    def _forms(self, word: str) -> tuple[str, str, TokenKind]:
        norm, kind = self._norm(word), _kind(word)
        return norm, self._stem(norm) if kind is TokenKind.WORD else norm, kind

    def _normal(self, word: str) -> str:
        norm = unicodedata.normalize("NFKC", word).casefold().translate(self._fold)
        for mark in APOSTROPHES[1:]:
            norm = norm.replace(mark, "'")
        return norm


def _stemming(name: str | None, plurals: Mapping[str, str]) -> Callable[[str], str]:
    if name is None:
        return lambda word: word
    stemmer = snowballstemmer.stemmer(name)
    endings = sorted(plurals.items(), key=lambda pair: -len(pair[0]))

    def stem(word: str) -> str:
        if len(word) >= PLURAL_LETTERS_MIN:
            for ending, singular in endings:
                if word.endswith(ending):
                    word = word[: -len(ending)] + singular
                    break
        return str(stemmer.stemWord(word))

    return stem


def _lettered(letters: str, scales: Iterable[str]) -> str:
    """Return what finds a currency of one letter: R4,200 and R2.1bn, but no R1."""
    if not letters:
        return ""
    held = "|".join(sorted(map(re.escape, scales), key=len, reverse=True))
    return (
        rf"[{letters}](?=\d{{1,3}}(?:[ ,.{HARD_SPACES}]\d{{3}})+(?!\d)"
        rf"|\d[\d.,]*[ {HARD_SPACES}-]?(?:{held})(?![^\W\d_]))"
    )


def _pattern(
    apostrophe: str,
    plain_space_groups: bool,
    glued_prefixes: Iterable[str],
    lettered: str,
    magnitudes: str,
) -> str:
    space = HARD_SPACES + (" " if plain_space_groups else "")
    glued = "|".join(sorted(map(re.escape, glued_prefixes), key=len, reverse=True))
    letter = rf"[^\W\d_{UNSPACED}{FRACTIONS}]"
    marks = r"[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0d7f\u200c\u200d]"
    word = rf"{letter}(?:{letter}|{marks}|[0-9])*"
    quote = f"[{APOSTROPHES}]"
    parts = [
        rf"\d{{1,3}}(?:[{space}]\d{{3}})+(?!\d|[BM]\b)(?:[.,]\d+)?",
        rf"\d+(?:[.,\u066b\u066c\u00b7]\d+|{quote}\d{{3}}(?!\d))*",
        rf"[{FRACTIONS}]",
        rf"(?:{glued})(?=\d)" if glued else "",
        lettered,
        # A name before an amount or a date (OpenAI300亿) is no code such as R1.
        rf"{letter}{{3,}}(?=\d[\d.,]*[{magnitudes}%％])" if magnitudes else "",
        rf"{word}{quote}(?={letter}|\d)" if apostrophe == "prefix" else "",
        rf"{quote}(?:{letter})+" if apostrophe == "suffix" else "",
        word,
        rf"[{UNSPACED}]",
        r"\S",
    ]
    return "|".join(part for part in parts if part)


def _kind(word: str) -> TokenKind:
    first = word[0]
    if first.isascii() and first.isalpha():
        return TokenKind.WORD
    category = unicodedata.category(first)
    if category == "Nd" or (category == "No" and len(word) == 1):
        return TokenKind.NUMBER
    if category == "Sc":
        return TokenKind.CURRENCY
    if IS_UNSPACED.match(first):
        return TokenKind.HAN
    if category[0] == "L" or (len(word) > 1 and first in APOSTROPHES):
        return TokenKind.WORD
    return TokenKind.PUNCTUATION

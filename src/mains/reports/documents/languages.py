"""The language of each block, recognised by lingua's low-accuracy models.

Candidates are the languages of the packs and others that are much written: without these, a text in
a language that has no pack would pass for the nearest that has one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

from lingua import IsoCode639_1, LanguageDetector, LanguageDetectorBuilder

from mains.reports.packs import languages

OTHERS: Final = (
    "ar bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt nb nl pl pt ro ru sk sv th "
    "tr uk vi zh"
).split()
SAMPLE_CHARACTERS: Final = 480
"""The document's own language is that of its longest lines."""
BLOCK_CHARACTERS: Final = 120
WHOLE_CHARACTERS: Final = 120
"""A block as long is no heading."""
SURE: Final = 0.9
LIKELY: Final = 0.5
LETTERS_MIN: Final = 40
"""A shorter block takes the document's language, unless its script is another."""
WIDE_LETTERS_MIN: Final = 8
FEW_LETTERS: Final = 100
KNOWN_ODDS: Final = 8.0
"""How much likelier a few words are in a language that has a pack than in one that has none."""


def block_languages(texts: Sequence[str]) -> list[str | None]:
    """Return the BCP 47 primary code of each block of one document, or None where unknown."""
    main = _detect(_sample(texts), LIKELY)
    return [_block_language(text, main) for text in texts]


def _block_language(text: str, main: str | None) -> str | None:
    sample = text[:BLOCK_CHARACTERS]
    if _letters(sample) < LETTERS_MIN:
        return main
    found = _detect(sample, SURE if main is not None else LIKELY) or main
    # A heading full of names may pass for any language: one that has no pack proves nothing.
    return found if main is None or found in languages() or len(text) >= WHOLE_CHARACTERS else main


def _sample(texts: Sequence[str]) -> str:
    chosen: list[str] = []
    held = 0
    for text in sorted(texts, key=len, reverse=True):
        chosen.append(text[: SAMPLE_CHARACTERS - held])
        held += len(chosen[-1])
        if held >= SAMPLE_CHARACTERS:
            break
    return "\n".join(chosen)


def _letters(text: str) -> int:
    """Count letters; one that stands for a syllable or a word counts as several."""
    weight = LETTERS_MIN // WIDE_LETTERS_MIN
    return sum(
        weight if unicodedata.east_asian_width(letter) == "W" else 1
        for letter in text
        if letter.isalpha()
    )


def _detect(text: str, confidence: float) -> str | None:
    found = _detector().compute_language_confidence_values(text)
    likely = {one.language.iso_code_639_1.name.lower(): one.value for one in found}
    if _letters(text) < FEW_LETTERS:
        likely = {
            code: value * (KNOWN_ODDS if code in languages() else 1.0)
            for code, value in likely.items()
        }
    first = max(likely, key=lambda code: likely[code], default=None)
    if first is None or not likely[first] or likely[first] < confidence * sum(likely.values()):
        return None
    return first


@cache
def _detector() -> LanguageDetector:
    known = {code.name.lower(): code for code in _all_codes()}
    wanted = [known[code] for code in sorted({*languages(), *OTHERS}) if code in known]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*wanted).with_low_accuracy_mode().build()


def _all_codes() -> list[IsoCode639_1]:
    found = (getattr(IsoCode639_1, name) for name in dir(IsoCode639_1) if name.isupper())
    return [code for code in found if isinstance(code, IsoCode639_1)]

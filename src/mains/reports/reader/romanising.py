"""Slugs of names: lower case, plain letters, hyphens; other scripts in Latin letters.

Cyrillic goes letter by letter, as the pack says. Han goes by pinyin in groups of two syllables, and
the endings of names by the pack's words: 柳市智算中心 becomes liushi-computing-centre.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

NOT_IN_SLUG: Final = re.compile(r"(?:(?!(?<=\d)\.(?=\d))[\W_])+")
"""All but letters, digits and the points of versions: R1, 3.2."""
HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")
SYLLABLES: Final = 2
"""How many are written together; three stay together where one would be left."""
OWN_CHARACTERS_MIN: Final = 2
ENDING_CHARACTERS_MIN: Final = 2
"""One character alone ends too many names that have no ending."""
GENERIC_CHARACTERS_MIN: Final = 4


@dataclass(frozen=True)
class Spelling:
    """How a language's names are written in Latin letters."""

    letters: Mapping[str, str] = field(default_factory=dict)
    """Latin letters for those of the script."""
    endings: Mapping[str, str] = field(default_factory=dict)
    """Words for the endings of names in Han; "" drops one."""
    inside: Mapping[str, str] = field(default_factory=dict)
    """Words for what Han names hold anywhere: 人工智能 is ai; and readings that pinyin misses."""
    generic: frozenset[str] = frozenset()
    """Endings that a name drops where it is long enough without them."""


PLAIN: Final = Spelling()


def slug(name: str, spelling: Spelling = PLAIN) -> str:
    """Return a name's slug: lower case, accents dropped, hyphens between its words."""
    plain = unicodedata.normalize("NFKD", name)
    kept = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    kept = re.sub(r"(?<=\w)\+", "-plus", kept)
    kept = "".join(spelling.letters.get(c, c) for c in kept)
    if HAN.search(kept):
        own, words = _peeled(kept, spelling)
        for word, latin in spelling.inside.items():
            own = own.replace(word, f"-{latin}-")
        kept = "-".join((HAN.sub(lambda run: f"-{pinyin(run[0])}-", own), *words))
    return NOT_IN_SLUG.sub("-", kept).strip("-")


def pinyin(han: str) -> str:
    """Return Han in pinyin without tones, two syllables together: lanchuan-zhisuan."""
    from pypinyin import lazy_pinyin  # Its dictionaries take as long to load as all packs do.

    held = [_plain(syllable) for syllable in lazy_pinyin(han, v_to_u=True)]
    starts = list(range(0, max(1, len(held) - 1), SYLLABLES))
    ends = [*starts[1:], len(held)]
    return "-".join("".join(held[a:b]) for a, b in zip(starts, ends, strict=True))


def shortened(name: str, endings: Collection[str]) -> Iterator[str]:
    """Yield the name without its last ending, then without the one before it, and so on."""
    while (ending := _ending(name, endings, shortest=1)) is not None:
        name = name[: -len(ending)]
        yield name


def _peeled(name: str, spelling: Spelling) -> tuple[str, tuple[str, ...]]:
    """Return the name without its endings, and the words for them."""
    words: list[str] = []
    while (ending := _ending(name, spelling.endings)) is not None:
        name = name[: -len(ending)]
        is_needed = ending not in spelling.generic or len(name) < GENERIC_CHARACTERS_MIN
        if is_needed and (word := spelling.endings[ending]):
            words.insert(0, word)
    return name, tuple(words)


def _ending(
    name: str, endings: Collection[str], *, shortest: int = ENDING_CHARACTERS_MIN
) -> str | None:
    """Return the longest ending that leaves the name something of its own."""
    lengths = range(len(name) - OWN_CHARACTERS_MIN, shortest - 1, -1)
    return next((name[-n:] for n in lengths if name[-n:] in endings), None)


def _plain(syllable: str) -> str:
    kept = unicodedata.normalize("NFKD", syllable)
    return "".join(c for c in kept if not unicodedata.combining(c))

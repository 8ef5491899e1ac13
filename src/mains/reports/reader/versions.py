"""Versions behind names: R1, -7B, 3.2, 5 Lite; and years behind the names of events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mains.reports.packs import Token

VERSION_TOKENS_MAX: Final = 6
VERSION: Final = re.compile(r"[vVrR]?\d+(?:\.\d+)*[bBmMkK]?|[A-Z]?\d+[A-Za-z]?")
LETTERED: Final = re.compile(r"[A-Z]\d{1,3}(?:\.\d+)?|\d{1,4}[BM]")
SITE: Final = re.compile(r"[1-9]")
GLUED: Final = frozenset("-–%:/")
YEAR: Final = re.compile(r"20\d\d")
VARIANTS: Final = frozenset(
    "Lite Pro Max Mini Air Ultra Flash Turbo Nano Instruct Coder Omni Preview Plus Exp".split()
)
TIERS: Final = frozenset(
    "Small Medium Large Tiny Lite Pro Max Mini Nano Ultra Turbo Flash Base Chat Coder".split()
)
"""Words that makers of models put between their own name and a version."""
VARIANT_LETTERS_MAX: Final = 2


def version_end(
    tokens: Sequence[Token],
    last: int,
    counting: frozenset[str] = frozenset(),
    *,
    hyphen_only: bool = False,
) -> int:
    """Return where the version behind the name that ends at `last` ends; `last` without one.

    `counting` are the words that make a figure of the number before them: million, %, euros.
    """
    end = last
    while end < len(tokens) and end - last < VERSION_TOKENS_MAX:
        glued = tokens[end].start == tokens[end - 1].end
        step = _version_step(tokens, end, glued=glued, is_behind=end > last)
        if step == 0 or (hyphen_only and end == last and tokens[end].text != "-"):
            break
        if end + step < len(tokens) and tokens[end + step].norm in counting:
            break
        end += step
    return end


def tier_end(tokens: Sequence[Token], last: int, counting: frozenset[str] = frozenset()) -> int:
    """Return where a maker's model ends: the maker's name, "Large", "3"; `last` without one."""
    if last >= len(tokens) or tokens[last].text not in TIERS:
        return last
    end = version_end(tokens, last + 1, counting)
    return end if end > last + 1 else last


def is_numbered(tokens: Sequence[Token], at: int, counting: frozenset[str]) -> bool:
    """Whether a site's name goes on with its number: "Xyz 2 has", but not "Xyz 2 MW"."""
    if at >= len(tokens) or SITE.fullmatch(tokens[at].text) is None:
        return False
    if at + 1 == len(tokens):
        return True
    after = tokens[at + 1].text
    is_glued = tokens[at + 1].start == tokens[at].end
    return tokens[at + 1].norm not in counting and not (is_glued and after in GLUED)


def is_lettered(text: str) -> bool:
    """Whether a word is a version that nothing else looks like: A2, K2, 60B."""
    return LETTERED.fullmatch(text) is not None


def year_beside(tokens: Sequence[Token], first: int, last: int) -> str | None:
    """Return the year that stands right behind a name or right before it."""
    for at in (last, first - 1):
        if 0 <= at < len(tokens) and YEAR.fullmatch(tokens[at].text):
            return tokens[at].text
    return None


def _version_step(tokens: Sequence[Token], at: int, *, glued: bool, is_behind: bool) -> int:
    """Return how many tokens at `at` go on with a version; 0 where it ends."""
    text = tokens[at].text
    if text == "-" and glued:
        after = tokens[at + 1].text if at + 1 < len(tokens) else ""
        follows = VERSION.fullmatch(after) or (is_behind and after in VARIANTS)
        return 2 if follows else 0
    if VERSION.fullmatch(text) and _is_version(tokens, at):
        return 1
    return 1 if is_behind and _is_variant(text, glued=glued) else 0


def _is_ascii_word(text: str) -> bool:
    """Whether letters may go on with a version: 60B; what another script writes does not."""
    return text.isascii() and text[0].isalpha() and len(text) <= VARIANT_LETTERS_MAX


def _is_variant(text: str, *, glued: bool) -> bool:
    """Whether a word behind a version still belongs to the name: 60B, 5 Lite."""
    return text in VARIANTS or (glued and _is_ascii_word(text))


def _is_version(tokens: Sequence[Token], at: int) -> bool:
    """Whether a number behind a name is its version rather than a figure or a year."""
    text = tokens[at].text
    if not text.isdigit():
        return any(c.isdigit() for c in text) and "," not in text
    return len(text) <= 2

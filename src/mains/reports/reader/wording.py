"""The words around a figure, as signs of what it is of and how it is meant.

A sign says where a word stands, by its stem: `b3` within three words before, `b8` within eight,
`a2` and `a6` behind, `in` inside the figure. Of scripts without spaces runs of one to three
characters count as words. Signs of words hold in one language; those of units, kinds and families
(`unit`, `about`, `family`, ...) in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mains.reports.packs import TokenKind
from mains.reports.reader.figures import Quantity
from mains.reports.reader.scene import Scene
from mains.reports.reader.weights import Features

BEFORE: Final = (3, 8)
BEHIND: Final = (2, 6)
HAN_RUN_MAX: Final = 3
HAN_REACH: Final = 2
"""How many characters stand for one word."""
FIGURE: Final = "#"


def words_around(scene: Scene, first: int, last: int) -> Features:
    """Return the signs of the words around the figure at token indices [first, last)."""
    tokens = scene.sentence.tokens
    step = HAN_REACH if _is_unspaced(scene) else 1
    found: Features = {}
    for reach in BEFORE:
        for word in _words(scene, max(0, first - reach * step), first):
            found[f"b{reach}={word}"] = 1.0
    for reach in BEHIND:
        for word in _words(scene, last, min(len(tokens), last + reach * step)):
            found[f"a{reach}={word}"] = 1.0
    for word in _words(scene, first, last):
        found[f"in={word}"] = 1.0
    return found


def figure_signs(scene: Scene, quantity: Quantity, unit: str) -> Features:
    """Return the signs of the figure itself that hold in any language."""
    found: Features = {
        f"unit={unit}": 1.0,
        f"kind={quantity.kind.value}": 1.0,
        f"bound={quantity.bound.value}/{unit}": 1.0,
        f"block={scene.block.value}": 1.0,
    }
    found.update({f"named={mention.kind}": 1.0 for mention in scene.entities})
    return found


def _words(scene: Scene, first: int, last: int) -> Iterator[str]:
    tokens = scene.sentence.tokens
    for index in range(first, last):
        token = tokens[index]
        if index in scene.figure_tokens:
            yield FIGURE
        elif token.kind is TokenKind.HAN:
            run = ""
            for other in tokens[index : min(index + HAN_RUN_MAX, last)]:
                if other.kind is not TokenKind.HAN:
                    break
                run += other.norm
                yield run
        elif token.is_word or token.kind is TokenKind.CURRENCY or token.text == "%":
            yield token.stem


def _is_unspaced(scene: Scene) -> bool:
    tokens = scene.sentence.tokens
    return sum(token.kind is TokenKind.HAN for token in tokens) * 2 > len(tokens)

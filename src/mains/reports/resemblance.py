"""How alike two texts are: one-permutation MinHash over shingles of characters; pure.

One hash a shingle, binned, with the empty bins filled by rotation (Li, Owen and Zhang 2012;
Shrivastava and Li 2014). The share of equal bins estimates the Jaccard likeness of the shingles, so
that the estimate's standard error is about 0.04 at BINS = 120. Bands of bins find the candidates:
texts that are 0.8 alike share a band with a probability above 0.999, texts that are 0.2 alike with
one below 0.01.
"""

import hashlib
import struct
from collections.abc import Iterable
from typing import Final
from zlib import crc32

SHINGLE_CHARACTERS: Final = 9
CHARACTERS_MAX: Final = 200_000
"""What lies behind this many characters doesn't count: the cost of any document is bounded."""

BINS: Final = 120
BAND_BINS: Final = 5
ALIKE_MIN: Final = 0.8
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = 2**64 - 1
_SIGNATURE: Final = struct.Struct(f">{BINS}I")


def signature(texts: Iterable[str]) -> bytes:
    """Return the signature of a document's paragraphs: 4 bytes a bin.

    Only letters and digits count, in one case, so that layout and punctuation change nothing.
    """
    plain = "".join(filter(str.isalnum, "".join(_bounded(texts)).casefold()))
    lowest: list[int | None] = [None] * BINS
    for start in range(max(1, len(plain) - SHINGLE_CHARACTERS + 1)):
        mixed = crc32(plain[start : start + SHINGLE_CHARACTERS].encode()) * _MIX & _MASK
        place, rest = (mixed >> 40) % BINS, mixed >> 8 & 0xFFFFFFFF
        known = lowest[place]
        if known is None or rest < known:
            lowest[place] = rest
    return _SIGNATURE.pack(*_filled(lowest))


def bands(signed: bytes) -> list[int]:
    """Return the keys that texts as alike as copies share at least one of, as signed 64 bits."""
    width = BAND_BINS * 4
    return [
        int.from_bytes(
            hashlib.blake2b(
                signed[start : start + width], digest_size=8, salt=start.to_bytes(2, "big")
            ).digest(),
            "big",
            signed=True,
        )
        for start in range(0, len(signed), width)
    ]


def likeness(one: bytes, other: bytes) -> float:
    """Return the estimated Jaccard likeness of two signatures, 0 to 1."""
    pairs = zip(_SIGNATURE.unpack(one), _SIGNATURE.unpack(other), strict=True)
    equal = sum(1 for a, b in pairs if a == b)
    return equal / BINS


def _bounded(texts: Iterable[str]) -> Iterable[str]:
    left = CHARACTERS_MAX
    for text in texts:
        if left <= 0:
            return
        yield text[:left]
        left -= len(text)


def _filled(lowest: list[int | None]) -> list[int]:
    """Fill each empty bin from the next full one, so that short texts can be compared too."""
    filled: list[int] = []
    for place in range(BINS):
        step = next(step for step in range(BINS) if lowest[(place + step) % BINS] is not None)
        found = lowest[(place + step) % BINS]
        assert found is not None
        filled.append((found + step * 0x9E3779B1) & 0xFFFFFFFF)
    return filled

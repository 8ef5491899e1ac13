"""Formulas of the packs, by which shares and factors are worth something: 1/n, n+1, 2^n."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

SHARE_OF_MAX: Final = 100
SHARE_PLACES: Final = Decimal("0.1")
"""Thirds and ninths are given as reports give them: 33.3, 11.1."""


def rounded(percent: Decimal) -> Decimal:
    """Return the percentage as it is where it ends within two places, else rounded."""
    whole = percent * 100 == (percent * 100).to_integral_value()
    return percent if whole else percent.quantize(SHARE_PLACES)


def evaluate(formula: str, filled: dict[str, Decimal]) -> Decimal | None:
    """Return the value of a pack's formula: 3, n, n+1, 1/n, n/n2, 2^n; None if it makes none."""

    def term(text: str) -> Decimal | None:
        if text == "n":
            # An ordinal may fill the place: every tenth.
            return filled.get("n", filled.get("ordinal"))
        return filled.get(text) if text == "n2" else Decimal(text)

    for sign in "/+^":
        if sign in formula:
            left, right = (term(part) for part in formula.split(sign))
            # A part that the pack itself names may be small: per mille.
            named = not formula.endswith(("n", "n2"))
            if left is None or right is None:
                return None
            if sign == "/" and (right <= 0 or (right > SHARE_OF_MAX and not named)):
                return None
            if sign == "/":
                return left / right
            return left + right if sign == "+" else left ** int(right)
    return term(formula)

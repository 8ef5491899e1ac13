"""A time line per measure: what is drawn of each claim; pure.

A claim stands at its period and nowhere else: one without a period is drawn apart. A bound is drawn
as a bound, and the two ends of a range as one bar.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final

from mains.console.figures import Figures, decimal_of, span_of
from mains.reports.public import Shown
from mains.reports.values import Bound, Claim, Modality

DRAWN_MAX: Final = 400
UNDRAWN_UNITS: Final = frozenset({"date"})
"""Dates are no heights; they stand in the table alone."""
SCOPES_MAX: Final = 6
"""How many scopes have a colour of their own; the others share the last one."""

RANGE: Final = "range"
DRAWN_BOUNDS: Final = (*(each.value for each in Bound if each is not Bound.EXACT), RANGE)

_LOWER: Final = frozenset({Bound.AT_LEAST, Bound.MORE_THAN})
_UPPER: Final = frozenset({Bound.AT_MOST, Bound.UP_TO})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One claim as it is drawn. first and last are ISO days, or None where it has no period.

    value and high are heights (a bar, where high is given); scope is the place of its scope in the
    chart's list.
    """

    claim: str
    first: str | None
    last: str | None
    value: float
    high: float | None
    bound: str
    modality: str
    scope: int
    label: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The time line of one measure in one unit; in a ranking the first place is on top."""

    unit: str
    scopes: tuple[str | None, ...]
    ranking: bool
    marks: tuple[Mark, ...]

    @property
    def undated(self) -> int:
        return sum(mark.first is None for mark in self.marks)

    @property
    def spans(self) -> bool:
        """Whether some period is longer than a day, and so drawn as a line."""
        return any(mark.first != mark.last for mark in self.marks)

    @property
    def modalities(self) -> Sequence[str]:
        used = {mark.modality for mark in self.marks}
        return [each.value for each in Modality if each.value in used]

    @property
    def bounds(self) -> Sequence[str]:
        """Return the bounds that are drawn, but for `exact`: its mark says it."""
        used = {mark.bound for mark in self.marks}
        return [each for each in DRAWN_BOUNDS if each in used]

    def drawing(self) -> dict[str, object]:
        """Return what the browser draws."""
        return {"ranking": self.ranking, "marks": [asdict(mark) for mark in self.marks]}


def charts(claims: Sequence[Shown], figures: Figures) -> tuple[Chart, ...]:
    """Return one chart per unit, the one with the most claims first.

    A lone claim is no line, and has no chart.
    """
    by_unit: dict[str, list[Shown]] = {}
    for shown in claims[:DRAWN_MAX]:
        drawable = decimal_of(shown.claim.value) is not None
        if drawable and shown.claim.unit not in UNDRAWN_UNITS:
            by_unit.setdefault(shown.claim.unit, []).append(shown)
    chosen = sorted(by_unit.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(_chart(unit, own, figures) for unit, own in chosen if len(own) > 1)


def _chart(unit: str, claims: Sequence[Shown], figures: Figures) -> Chart:
    scopes = tuple(dict.fromkeys(_by_use(each.claim.scope for each in claims)))
    marks = []
    for low, high in _ranges(claims):
        claim = low.claim
        span = span_of(claim.period)
        marks.append(
            Mark(
                claim=claim.id,
                first=span[0].isoformat() if span else None,
                last=span[1].isoformat() if span else None,
                value=_height(claim),
                high=None if high is None else _height(high.claim),
                bound=RANGE if high is not None else claim.bound.value,
                modality=claim.modality.value,
                scope=min(scopes.index(claim.scope), SCOPES_MAX - 1),
                label=_label(claim, None if high is None else high.claim, figures),
                notes=_notes(low, figures),
            )
        )
    return Chart(unit=unit, scopes=scopes, ranking=unit == "ordinal", marks=tuple(marks))


def _label(low: Claim, high: Claim | None, figures: Figures) -> str:
    if high is None:
        return figures.figure(low.value, low.unit, measure=low.measure, bound=low.bound).shown
    ends = [figures.value(each.value, each.unit, measure=each.measure) for each in (low, high)]
    return "\N{EN DASH}".join(end.shown for end in ends)


def _notes(shown: Shown, figures: Figures) -> tuple[str, ...]:
    """Return what is told of a mark beside its figure."""
    claim = shown.claim
    said = (
        figures.period(claim.period),
        figures.modality(claim.modality),
        claim.scope,
        shown.publisher or shown.title or shown.document,
    )
    return tuple(each for each in said if each)


def _by_use(scopes: Iterable[str | None]) -> list[str | None]:
    """Return the scopes in the order of their use; what has no scope comes first."""
    counted: dict[str | None, int] = {}
    for scope in scopes:
        counted[scope] = counted.get(scope, 0) + 1
    return sorted(counted, key=lambda scope: (scope is not None, -counted[scope], scope or ""))


def _ranges(claims: Sequence[Shown]) -> Iterator[tuple[Shown, Shown | None]]:
    """Yield each claim alone, and the lower and upper end of a range together."""
    uppers = {_range_key(each): each for each in claims if each.claim.bound in _UPPER}
    paired = set()
    for each in claims:
        upper = uppers.get(_range_key(each)) if each.claim.bound in _LOWER else None
        if upper is not None and _number(each.claim) < _number(upper.claim):
            paired |= {each.claim.id, upper.claim.id}
            yield each, upper
    yield from ((each, None) for each in claims if each.claim.id not in paired)


def _range_key(shown: Shown) -> tuple[object, ...]:
    claim = shown.claim
    return (
        *(claim.doc, shown.mark_start - claim.start),
        *(claim.scope, claim.unit, claim.period, claim.modality),
    )


def _height(claim: Claim) -> float:
    return float(_number(claim))


def _number(claim: Claim) -> Decimal:
    number = decimal_of(claim.value)
    assert number is not None
    return number

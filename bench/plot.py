"""A plot of a few lines over logarithmic axes, as SVG: small enough to write by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 420
LEFT: Final = 70
RIGHT: Final = 210
TOP: Final = 40
BOTTOM: Final = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot: a name, a colour, and points (x, y), all above zero."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def plot(path: Path, title: str, across: str, up: str, lines: Sequence[Line]) -> None:
    """Write the lines over axes that go from a power of ten to a power of ten."""
    x_axis = _Axis([x for line in lines for x, _ in line.points], LEFT, WIDTH - RIGHT)
    y_axis = _Axis([y for line in lines for _, y in line.points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{title}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{across}</text>",
        f'<text x="16" y="{HEIGHT / 2:.0f}" transform="rotate(-90 16 {HEIGHT / 2:.0f})" '
        f'text-anchor="middle">{up}</text>',
    ]
    for tick in x_axis.ticks:
        at = x_axis.at(tick)
        parts.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{HEIGHT - 32}" text-anchor="middle">{tick:,.10g}</text>'
        )
    for tick in y_axis.ticks:
        at = y_axis.at(tick)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:,.10g}</text>')
    for number, line in enumerate(lines):
        parts += _drawn(line, x_axis, y_axis, legend=TOP + 14 + 20 * number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def _drawn(line: Line, x_axis: "_Axis", y_axis: "_Axis", *, legend: int) -> list[str]:
    points = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in line.points)
    dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
    stroke = f'fill="none" stroke="{line.colour}" stroke-width="2"{dashes}'
    dots = [
        f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" r="3" fill="{line.colour}"/>'
        for x, y in line.points
        if not line.dashed
    ]
    right = WIDTH - RIGHT + 12
    return [
        f'<polyline points="{points}" {stroke}/>',
        *dots,
        f'<path d="M{right} {legend - 4}h24" {stroke}/>',
        f'<text x="{right + 30}" y="{legend}">{line.name}</text>',
    ]


class _Axis:
    """Maps values to places, whole powers of ten at both ends."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._first, self._last = first, last

    @property
    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]

    def at(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._first + share * (self._last - self._first)

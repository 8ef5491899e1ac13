"""Reads texts with what users would pick instead, in an environment of its own.

Texts come in on standard input, one JSON object a line: `doc`, `language`, `text`. Out goes one
line for each number or date that a peer found: `peer`, `doc`, `start`, `end`, `value`, `unit`,
`quote`.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

CULTURES = {
    "en": "en-us",
    "zh": "zh-cn",
    "fr": "fr-fr",
    "es": "es-es",
    "pt": "pt-br",
    "it": "it-it",
    "de": "de-de",
    "nl": "nl-nl",
}
QUANTULUM_UNITS = {
    "dimensionless": "count",
    "percentage": "percent",
    "chinese yuan": "CNY",
    "dollar": "USD",
    "euro": "EUR",
    "pound sterling": "GBP",
    "indian rupee": "INR",
    "south korean won": "KRW",
}

Line = dict[str, Any]


def main() -> None:
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        text = json.loads(line)
        for found in (*recognizers(text), *quantulum(text), *dates(text)):
            shown = {"doc": text["doc"], "status": "accepted", **found}
            print(json.dumps(shown, ensure_ascii=False))


def recognizers(text: Line) -> Iterator[Line]:
    """Yield what Microsoft's recognizers find: amounts first, then percentages and numbers."""
    from recognizers_number import recognize_number, recognize_ordinal, recognize_percentage
    from recognizers_number_with_unit import recognize_currency

    culture = CULTURES.get(text["language"])
    if culture is None:
        return
    taken: list[tuple[int, int]] = []
    readers = (
        (recognize_currency, None),
        (recognize_percentage, "percent"),
        (recognize_ordinal, "ordinal"),
        (recognize_number, "count"),
    )
    for recognize, unit in readers:
        for result in recognize(text["text"], culture):
            resolution = result.resolution or {}
            value = str(resolution.get("value", "")).rstrip("%")
            start, end = result.start, result.end + 1
            if value in {"", "None"} or any(a < end and start < b for a, b in taken):
                continue
            taken.append((start, end))
            yield {
                "peer": "recognizers-text",
                "start": start,
                "end": end,
                "value": value,
                "unit": unit or resolution.get("isoCurrency") or resolution.get("unit") or "",
                "quote": result.text,
            }


def quantulum(text: Line) -> Iterator[Line]:
    """Yield what quantulum3 finds; it reads English alone."""
    if text["language"] != "en":
        return
    from quantulum3 import parser

    for found in parser.parse(text["text"]):
        yield {
            "peer": "quantulum3",
            "start": found.span[0],
            "end": found.span[1],
            "value": repr(found.value).removesuffix(".0"),
            "unit": QUANTULUM_UNITS.get(found.unit.name, found.unit.name),
            "quote": found.surface,
        }


def dates(text: Line) -> Iterator[Line]:
    """Yield the dates that dateparser finds in running text."""
    import dateparser.search

    try:
        found = dateparser.search.search_dates(text["text"], languages=[text["language"]])
    except ValueError:
        # It has no such language.
        return
    at = 0
    for quote, moment in found or []:
        start = text["text"].find(quote, at)
        if start < 0:
            continue
        at = start + len(quote)
        yield {
            "peer": "dateparser",
            "start": start,
            "end": at,
            "value": moment.date().isoformat(),
            "unit": "date",
            "quote": quote,
        }


if __name__ == "__main__":
    main()

"""Which figures are found: units that go on, currencies of the place, losses, idioms."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.reader.reader import read
from tests.reports.reader.test_quantities import told


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "two weeks of work", [("14", "day")]),
        ("es", "un plan de dos lustros", [("10", "year")]),
        ("en", "up to 20,000 GPU hours", [("20000", "hour")]),
        ("en", "a fund of R2.1 billion", [("2100000000", "ZAR")]),
        ("en", "a stipend of R4 200 a month", [("4200", "ZAR")]),
        ("en", "a deal of RM2bil", [("2000000000", "MYR")]),
        ("en", "pays ₹210-240 an hour", [("210", "INR"), ("240", "INR")]),
        (
            "en",
            "an option on 95 megawatts and a further 150.",
            [("95000000", "W"), ("150000000", "W")],
        ),
        ("es", "240 megavatios, y luego hasta 600.", [("240000000", "W"), ("600000000", "W")]),
        ("fr", "un emprunt de 150 millions à cinq ans", [("150000000", None), ("5", "year")]),
        ("fr", "deux fois et demie la consommation", [("2.5", "ratio")]),
        ("fr", "les trois quarts des achats", [("75", "percent")]),
        ("zh", "用电量为50亿至52亿千瓦时", [("5000000000000", "Wh"), ("5200000000000", "Wh")]),
        ("en", "one in nine firms", [("11.1", "percent")]),
        ("ru", "рост на 34 проц.", [("34", "percent")]),
    ],
)
def test_a_figure_has_the_unit_that_it_goes_on_with(
    language: str, text: str, expected: list[tuple[str, str | None]]
) -> None:
    assert [(value, unit) for _, value, unit, _ in told(text, language)] == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "in the first half nothing moved"),
        ("fr", "la seconde moitié du chemin"),
        ("en", "the R1 model is out"),
        ("en", "Tokyo doubles down on chips"),
    ],
)
def test_an_idiom_or_a_name_is_no_figure(language: str, text: str) -> None:
    assert told(text, language) == []


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("Siemens lost €7 million last year on revenue of €90 million.", "-7000000", "EUR"),
        ("Siemens verbuchte einen Verlust von 7 Mio. Euro.", "-7000000", "EUR"),
        ("Siemens a subi une perte nette de 7 millions d'euros.", "-7000000", "EUR"),
        ("Siemens registró una pérdida neta de 7 millones de euros.", "-7000000", "EUR"),
        ("In Sydney and across Australia, Siemens spent $40 million.", "40000000", "AUD"),
        ("En Indonesia, Siemens invirtió 9.000 millones de rupias.", "9000000000", "IDR"),
    ],
)
def test_losses_and_currencies_are_those_of_the_text(text: str, value: str, unit: str) -> None:
    claims = read(open_document(text.encode(), name="a.txt")).claims
    assert (value, unit) in [(claim.value, claim.unit) for claim in claims]

"""Figures with unit, bound and range, as the eight languages state them; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.packs import load_pack
from mains.reports.reader.figures import Quantity, QuantityKind
from mains.reports.reader.quantities import document_figures, quantities
from mains.reports.reader.text import sentences

SILENT = (QuantityKind.SUPERLATIVE,)


def read(text: str, language: str | None) -> list[Quantity]:
    pack = load_pack(language)
    return [
        quantity
        for sentence in sentences(text, 0, len(text), language)
        for quantity in quantities(sentence, pack)
        if quantity.kind not in SILENT
    ]


def told(text: str, language: str | None) -> list[tuple[str, str, str | None, str]]:
    return [
        (text[q.start : q.end], str(q.value), q.unit, q.bound.value)
        for q in read(text, language)
        if not q.is_neutral
    ]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "pt",
            "recebeu mais de 300 bilhões de reais",
            [("mais de 300 bilhões de reais", "300000000000", "BRL", "more_than")],
        ),
        ("pt", "vales de até 5 mil euros", [("até 5 mil euros", "5000", "EUR", "up_to")]),
        (
            "pt",
            "subiu 2,9 pontos percentuais",
            [("2,9 pontos percentuais", "2.9", "points", "exact")],
        ),
        (
            "es",
            "entre 10 y 20 millones de euros",
            [
                ("10", "10000000", "EUR", "at_least"),
                ("20 millones de euros", "20000000", "EUR", "at_most"),
            ],
        ),
        (
            "es",
            "ha superado los 40 millones",
            [("superado los 40 millones", "40000000", None, "more_than")],
        ),
        ("fr", "une aide de 75 M€", [("75 M€", "75000000", "EUR", "exact")]),
        ("fr", "près de 30 % des écoles", [("près de 30 %", "30", "percent", "about")]),
        ("fr", "jusqu’à 1,4 GW", [("jusqu’à 1,4 GW", "1400000000", "W", "up_to")]),
        (
            "it",
            "ha superato i 12 milioni di lettori",
            [("superato i 12 milioni", "12000000", None, "more_than")],
        ),
        (
            "it",
            "non più di 300.000 euro",
            [("non più di 300.000 euro", "300000", "EUR", "at_most")],
        ),
        ("de", "rund 4,3 Mrd. Euro", [("rund 4,3 Mrd. Euro", "4300000000", "EUR", "about")]),
        (
            "de",
            "zwischen 400 und 500 Anträge",
            [("400", "400", None, "at_least"), ("500", "500", None, "at_most")],
        ),
        ("de", "der Umsatz verdoppelte sich", [("verdoppelte", "2", "ratio", "exact")]),
        ("de", "zwei Drittel der Schulen", [("zwei Drittel", "66.7", "percent", "exact")]),
        ("en", "US$ 1.2bn of loans", [("US$ 1.2bn", "1200000000", "USD", "exact")]),
        (
            "en",
            "€109 billion over five years",
            [
                ("€109 billion", "109000000000", "EUR", "exact"),
                ("five years", "5", "year", "exact"),
            ],
        ),
        (
            "en",
            "no more than 50 percent",
            [("no more than 50 percent", "50", "percent", "at_most")],
        ),
        ("en", "revenue was 2.5 times larger", [("2.5 times", "2.5", "ratio", "exact")]),
        ("en", "an 80-megawatt hall", [("80-megawatt", "80000000", "W", "exact")]),
        (
            "en",
            "20–30 % of pupils",
            [("20", "20", "percent", "at_least"), ("30 %", "30", "percent", "at_most")],
        ),
        (
            "ru",
            "выручка превысила 450 млрд юаней",
            [("превысила 450 млрд юаней", "450000000000", "CNY", "more_than")],
        ),
        (
            "ru",
            "от 20 до 22% школ",
            [("20", "20", "percent", "at_least"), ("22%", "22", "percent", "at_most")],
        ),
        ("ru", "доля поднялась до 47%", [("47%", "47", "percent", "exact")]),
        ("zh", "投资超过1.2亿美元", [("超过1.2亿美元", "120000000", "USD", "more_than")]),
        (
            "zh",
            "产量增长两倍，占比5%至8%",
            [
                ("增长两倍", "3", "ratio", "exact"),
                ("5%", "5", "percent", "at_least"),
                ("8%", "8", "percent", "at_most"),
            ],
        ),
        ("zh", "共有1900余家学校", [("1900余", "1900", None, "more_than")]),
    ],
)
def test_a_figure_has_value_unit_and_bound(
    language: str, text: str, expected: list[tuple[str, str, str | None, str]]
) -> None:
    assert told(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("pt", "até o final de 2024"),
        ("fr", "d’ici fin 2027"),
        ("de", "bis Ende 2028"),
        ("en", "by the end of 2025"),
        ("zh", "截至2025年底"),
        ("ru", "к концу 2024 года"),
    ],
)
def test_a_deadline_is_no_limit(language: str, text: str) -> None:
    assert told(text, language) == []


def test_a_conversion_in_brackets_inherits_the_bound() -> None:
    amount, other = read("cost more than 10 billion yuan (1.4 billion dollars)", "en")
    assert (amount.pair, other.pair) == (1, 0)
    assert other.bound.value == "more_than" and other.inherited


def test_a_conversion_with_a_bound_word_keeps_its_own() -> None:
    amount, other = read(
        "ha raccolto oltre 2 miliardi di yuan (circa 280 milioni di dollari)", "it"
    )
    assert (amount.bound.value, other.bound.value) == ("more_than", "about")


@pytest.mark.parametrize(
    ("language", "text", "number"),
    [
        ("en", "the chip H100 is old", "100"),
        ("en", "they tested GPT-4 at home", "4"),
        ("de", "im 15. Fünfjahresplan steht viel", "Fünf"),
        ("en", "call 0211 4567-890 now", "0211 4567-890"),
    ],
)
def test_a_number_in_a_name_is_neutral(language: str, text: str, number: str) -> None:
    held = [text[q.start : q.end] for q in read(text, language) if q.is_neutral]
    assert number in held and told(text, language) == []


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("pt", "ficou em segundo lugar", "2"),
        ("en", "ranks third nationwide", "3"),
        ("fr", "au deuxième rang national", "2"),
        ("ru", "занял 2-е место", "2"),
        ("zh", "位列全国第三", "3"),
        ("es", "ocupa el tercer puesto", "3"),
    ],
)
def test_a_place_is_a_rank(language: str, text: str, value: str) -> None:
    assert [(str(q.value), q.kind) for q in read(text, language)] == [(value, QuantityKind.RANK)]


def test_according_to_is_no_second() -> None:
    assert told("segundo dados do governo, nada mudou", "pt") == []


def test_a_founding_year_is_a_figure() -> None:
    (year,) = read("Die Firma wurde 2017 in Bonn gegründet.", "de")
    assert (year.kind, str(year.value), year.unit) == (QuantityKind.YEAR, "2017", "year")


def test_a_bare_amount_takes_the_currency_of_the_one_before() -> None:
    text = "Das Land gibt 20 Millionen Euro, nach 15 Millionen im Vorjahr."
    assert [q.unit for q in read(text, "de")] == ["EUR", "EUR"]


def test_what_counts_a_noun_takes_no_currency() -> None:
    text = "It raised 20 million dollars and has 15 million readers."
    assert [q.unit for q in read(text, "en")] == ["USD", None]


def test_context_is_carried_over_between_sentences() -> None:
    text = "Am 3. März 2026 kam der Bericht. Am 5. April folgt mehr."
    held = sentences(text, 0, len(text), "de")
    found = document_figures(held, load_pack("de"))
    assert [p.period for each in found for p in each.periods] == ["2026-03-03", "2026-04-05"]


def test_an_unknown_language_yields_spans_and_numbers() -> None:
    text = "Qwv zzy 1,250 bnm: 12% plk $5"
    assert told(text, "qqq") == [
        ("1,250", "1250", None, "exact"),
        ("12%", "12", "percent", "exact"),
        ("$5", "5", "USD", "exact"),
    ]

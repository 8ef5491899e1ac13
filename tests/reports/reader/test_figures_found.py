"""Which figures are found: units that go on, currencies of the place, losses, idioms."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.packs import load_pack
from mains.reports.reader.figures import Quantity, QuantityKind
from mains.reports.reader.quantities import quantities
from mains.reports.reader.reader import read
from mains.reports.reader.text import sentences
from tests.reports.reader.test_quantities import read as quantities_of
from tests.reports.reader.test_quantities import told


def all_of(text: str, language: str) -> list[Quantity]:
    pack = load_pack(language)
    return [
        quantity
        for sentence in sentences(text, 0, len(text), language)
        for quantity in quantities(sentence, pack)
    ]


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


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("en", "Two years ago Lumi was third, and France is only sixth.", "6"),
        ("en", "Norway, fourth, has a plan", "4"),
        ("en", "Peru climbed nine places to 41st.", "41"),
        ("es", "Uruguay trepa al segundo y desplaza a Chile.", "2"),
        ("fr", "La machine, après avoir été septième, recule.", "7"),
        ("it", "Il sistema era quarto al debutto.", "4"),
    ],
)
def test_an_ordinal_without_a_noun_is_a_place(language: str, text: str, value: str) -> None:
    assert (value, "ordinal") in [(held, unit) for _, held, unit, _ in told(text, language)]
    ranks = [q for q in quantities_of(text, language) if q.kind is QuantityKind.RANK]
    assert str(ranks[-1].value) == value


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Second, the fee will fall."),
        ("es", "Falta dinero. Tercero, faltan datos."),
        ("pt", "Concorrem, segundo a Comissão, os projetos."),
        ("en", "the third supplier of the plant"),
        ("fr", "le second, exploité par la ville, attend"),
    ],
)
def test_an_ordinal_that_counts_points_or_things_is_no_place(language: str, text: str) -> None:
    assert QuantityKind.RANK not in [q.kind for q in quantities_of(text, language)]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "cuesta 21,4 millones de euros, de los que 12,8 vienen de fuera", "12800000"),
        ("it", "un fondo di 50 milioni di euro, di cui 12,5 sottoscritti", "12500000"),
    ],
)
def test_decimals_count_no_things(language: str, text: str, expected: str) -> None:
    assert told(text, language)[-1][1:3] == (expected, "EUR")


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "累计处理问询400多万次", ("4000000", None, "more_than")),
        ("zh", "二○二四年訓練了1200余万人次", ("12000000", None, "more_than")),
        ("ru", "обучено 400 с лишним тысяч студентов", ("400000", None, "more_than")),
        ("zh", "同比增长百分之十八点三", ("18.3", "percent", "exact")),
        ("zh", "使用率為兩成六", ("26", "percent", "exact")),
        ("zh", "项目启动一年半以来", ("1.5", "year", "exact")),
        ("en", "it will open within one year", ("1", "year", "at_most")),
        ("fr", "la réponse devra tomber sous un mois", ("1", "month", "exact")),
        ("ru", "модель на триллион параметров", ("1000000000000", None, "exact")),
        ("fr", "formé onze jours sur 32 cartes", ("32", None, "exact")),
        ("zh", "累计培养学员突破千人", ("1000", None, "more_than")),
        ("zh", "拿下近亿元A轮融资", ("100000000", "元", "about")),
        ("zh", "惠及企业近百家", ("100", None, "about")),
        ("zh", "计划在三至四年内建成", ("4", "year", "at_most")),
        ("zh", "安装英伟达GPU3000块", ("3000", None, "exact")),
        ("fr", "une dizaine de térawattheures", ("10000000000000", "Wh", "about")),
        ("it", "una trentina di milioni di euro", ("30000000", "EUR", "about")),
        ("es", "más de mil millones de euros", ("1000000000", "EUR", "more_than")),
        ("pt", "mil milhões de euros", ("1000000000", "EUR", "exact")),
        ("fr", "sept centres de données sur dix", ("70", "percent", "exact")),
        ("it", "20% delle imprese con 10 o più addetti", ("10", None, "at_least")),
    ],
)
def test_numbers_are_read_as_they_are_written(
    language: str, text: str, expected: tuple[str, str | None, str]
) -> None:
    assert told(text, language)[-1][1:] == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Der Marktanteil von SAP ist um vier Prozentpunkte geschrumpft.", "-4"),
        ("La acción de Telefónica cedió un 1,2% en bolsa.", "-1.2"),
        ("英伟达股价较最高价下浮8.5%。", "-8.5"),
    ],
)
def test_a_word_of_falling_sets_the_sign(text: str, value: str) -> None:
    claims = read(open_document(text.encode(), name="text.txt")).claims
    assert value in [str(claim.value) for claim in claims]


def test_a_bare_number_of_an_index_is_points() -> None:
    text = "Kenya leads the AI Readiness Index. Kenya has an index score of 52.3, Ghana 49."
    held = read(open_document(text.encode(), name="t.txt")).claims
    assert ("52.3", "points") in [(str(claim.value), claim.unit) for claim in held]


def test_a_superlative_alone_ranks_what_was_counted_before() -> None:
    text = "Across the EU 20% of firms used AI in 2025. Denmark came top, ahead of Finland."
    held = read(open_document(text.encode(), name="t.txt")).claims
    assert ("rank_adoption_rate", "1") in [(claim.measure, str(claim.value)) for claim in held]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("pt", "a maior parte dos aportes"),
        ("zh", "全国最大用电需求"),
        ("en", "the most part of it"),
    ],
)
def test_the_most_part_and_a_peak_load_rank_nothing(language: str, text: str) -> None:
    assert QuantityKind.SUPERLATIVE not in [q.kind for q in all_of(text, language)]


@pytest.mark.parametrize(
    ("language", "text", "value"),
    [
        ("en", "Qwen becomes the world's most downloaded family", "1"),
        ("en", "the academy graduates its largest class yet", "1"),
        ("it", "resta l'app di IA più usata del Paese", "1"),
        ("es", "es la tercera aplicación de IA más utilizada de Francia", "3"),
        ("es", "la segunda supercomputadora pública más potente", "2"),
    ],
)
def test_a_superlative_of_a_place_or_of_its_own_is_a_rank(
    language: str, text: str, value: str
) -> None:
    assert [str(q.value) for q in all_of(text, language) if q.unit == "ordinal"] == [value]


def test_one_of_the_largest_is_no_rank() -> None:
    text = "home to one of the region's largest flower industries"
    assert QuantityKind.SUPERLATIVE not in [q.kind for q in all_of(text, "en")]

"""Numbers are read as the eight languages write them; text in our own words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from mains.reports.packs import load_pack
from mains.reports.reader.digits import parse_digits, style_of
from mains.reports.reader.numerals import numerals
from mains.reports.reader.text import Sentence, sentences

LANGUAGES = ("pt", "ru", "it", "de", "en", "zh", "fr", "es")


def a_sentence(text: str, language: str | None) -> Sentence:
    (sentence,) = sentences(text, 0, len(text), language)
    return sentence


def values(text: str, language: str | None) -> list[Decimal]:
    found = numerals(a_sentence(text, language), load_pack(language))
    return [held.value for held in found if not held.article and not held.weak]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("pt", "2.400 empresas", ["2400"]),
        ("pt", "vinte e cinco salas e duzentos mil livros", ["25", "200000"]),
        ("pt", "meio milhão de pessoas", ["500000"]),
        ("pt", "dois milhões e meio de euros", ["2500000"]),
        ("pt", "4,1 mil milhões de euros", ["4100000000"]),
        ("es", "medio billón de yuanes", ["500000000000"]),
        ("es", "2 millones 300 mil pesos", ["2300000"]),
        ("es", "cuarenta y dos aulas", ["42"]),
        ("fr", "1\u202f500 emplois et quatre-vingt-dix-sept salles", ["1500", "97"]),
        ("fr", "deux cent mille élèves", ["200000"]),
        ("fr", "1,17 milliard", ["1170000000"]),
        ("it", "duecento aule, tremila banchi, ventuno corsi", ["200", "3000", "21"]),
        ("it", "circa 25 mila euro", ["25000"]),
        ("de", "fünfundzwanzig Räume, zweitausend Plätze", ["25", "2000"]),
        ("de", "zweihundertfünfzig Stellen", ["250"]),
        ("de", "15 Billionen Zeichen", ["15000000000000"]),
        ("de", "zweieinhalb Milliarden", ["2500000000"]),
        ("de", "10'752 Karten", ["10752"]),
        ("en", "2.400 tonnes and 2,400 boxes", ["2.4", "2400"]),
        ("en", "one hundred and twenty-five desks", ["125"]),
        ("en", "33 lakh crore", ["33000000000000"]),
        ("en", "1,00,000 seats", ["100000"]),
        ("en", "half a million readers", ["500000"]),
        ("ru", "2,8 тыс. школ и 1,2 трлн", ["2800", "1200000000000"]),
        ("ru", "двадцать пять залов", ["25"]),
        ("ru", "1\u00a0190 классов", ["1190"]),
        ("zh", "二十五家工厂和两千八百人", ["25", "2800"]),
        ("zh", "1.2万亿", ["1200000000000"]),
        ("zh", "1亿2000万", ["120000000"]),
        ("zh", "百亿", ["10000000000"]),
    ],
)
def test_a_number_has_the_value_that_its_language_gives_it(
    language: str, text: str, expected: list[str]
) -> None:
    assert values(text, language) == [Decimal(value) for value in expected]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("pt", "um dos prédios"),
        ("it", "una delle scuole"),
        ("en", "one of the schools"),
        ("de", "eine der Schulen"),
        ("ru", "одна из школ"),
        ("zh", "统一一个标准，四川第一财经"),
    ],
)
def test_an_article_is_no_number(language: str, text: str) -> None:
    assert values(text, language) == []


def test_two_number_words_that_do_not_compose_stay_two() -> None:
    assert values("two or three rooms, two three", "en") == [2, 3, 2, 3]


def test_a_document_of_a_region_with_a_decimal_point_is_read_so() -> None:
    text = "Costó 6,000 pesos, luego 14,480, y al final 2.5 veces más"
    assert values(text, "es")[:2] == [6000, 14480]


def test_a_version_or_a_date_is_no_number() -> None:
    style = style_of(load_pack("de"))
    assert parse_digits("22.02.2025", style) is None
    assert parse_digits("1.2.3", style) is None


def test_a_language_without_a_pack_still_yields_numbers() -> None:
    assert values("zzyzx 1,250 qwv 3.5 bnm", "qqq") == [Decimal(1250), Decimal("3.5")]


@given(
    number=st.decimals(min_value=0, max_value=10**12, places=3, allow_nan=False),
    language=st.sampled_from(LANGUAGES),
)
def test_a_number_that_babel_formats_is_read_back(number: Decimal, language: str) -> None:
    text = format_decimal(number, locale=language, decimal_quantization=False)
    if number < 1000 and number == number.quantize(Decimal("0.001")) and number % 1:
        # Three digits after one mark may be a group; Babel writes no such mark by itself there.
        text = format_decimal(number.quantize(Decimal("0.01")), locale=language)
        number = number.quantize(Decimal("0.01"))
    assert parse_digits(text, style_of(load_pack(language))) == number

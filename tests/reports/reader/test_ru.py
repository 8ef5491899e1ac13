"""Russian: endings that change the stem, places, sentences that end in an amount; our own words."""

from __future__ import annotations

import pytest

from mains.reports.values import Bound, Claim
from tests.reports.reader.builders import figures


def claims(*paragraphs: str) -> list[Claim]:
    return figures(*paragraphs, language="ru")


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("Объем рынка ИИ в Казахстане достиг 40 млрд тенге.", "40000000000", "ai_market_value"),
        ("В Корее работают 800 ИИ-компаний.", "800", "ai_companies"),
        ("Москва внесла в реестр 12 нейросетей.", "12", "registered_models"),
        ("В Астане установлено 96 видеокарт.", "96", "accelerators"),
    ],
)
def test_a_measure_is_named_in_many_ways(text: str, value: str, measure: str) -> None:
    assert [(c.value, c.measure) for c in claims(text)] == [(value, measure)]


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("В Самаре без малого 300 ИИ-компаний.", "300", Bound.ABOUT),
        ("В Самаре не меньше 300 ИИ-компаний.", "300", Bound.AT_LEAST),
        ("В Самаре не свыше 300 ИИ-компаний.", "300", Bound.AT_MOST),
    ],
)
def test_a_bound(text: str, value: str, bound: Bound) -> None:
    assert [(c.value, c.bound) for c in claims(text)] == [(value, bound)]


def test_a_shortened_magnitude_before_a_capital_ends_the_sentence() -> None:
    found = claims("Выручка «Сбера» составила 5 млрд руб. Компания открыла 12 дата-центров.")
    assert [(c.value, c.measure) for c in found] == [
        ("5000000000", "revenue"),
        ("12", "compute_centres"),
    ]


def test_a_list_joined_by_and_is_ranked_with_its_country() -> None:
    found = claims(
        "Пекин лидирует среди городов Китая по числу одобренных и работающих ИИ-моделей."
    )
    assert [(c.measure, c.value, c.scope) for c in found] == [
        ("rank_registered_models", "1", "China")
    ]


def test_a_fourth_place_is_no_quarter() -> None:
    found = claims("Казань занимает четвёртое место по числу ИИ-компаний.")
    assert [(c.unit, c.value) for c in found] == [("ordinal", "4")]

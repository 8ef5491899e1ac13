"""Dates and spans of time in the gold's notation; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.packs import load_pack
from mains.reports.reader.figures import PeriodMention
from mains.reports.reader.periods import periods
from mains.reports.reader.text import sentences


def read(text: str, language: str, anchor_year: int | None = None) -> list[PeriodMention]:
    (sentence,) = sentences(text, 0, len(text), language)
    return periods(sentence, load_pack(language), anchor_year)


@pytest.mark.parametrize(
    ("language", "text", "period"),
    [
        ("pt", "até o final de 2024", "2024-12-31"),
        ("pt", "de 21 a 23 de fevereiro de 2025", "2025-02-21/2025-02-23"),
        ("pt", "no segundo trimestre de 2026", "2026-Q2"),
        ("es", "el 9 de febrero de 2026", "2026-02-09"),
        ("es", "a finales de 2025", "2025-12-31"),
        ("es", "en la primera mitad de 2025", "2025-H1"),
        ("fr", "mardi 10 février 2026", "2026-02-10"),
        ("fr", "entre 2018 et 2025", "2018/2025"),
        ("fr", "fin 2026", "2026-12-31"),
        ("it", "dal 2 marzo al 30 aprile 2026", "2026-03-02/2026-04-30"),
        ("it", "alla fine del 2025", "2025-12-31"),
        ("it", "nel primo semestre del 2025", "2025-H1"),
        ("de", "Ende 2025", "2025-12-31"),
        ("de", "am 3. Februar 2026", "2026-02-03"),
        ("de", "in der zweiten Jahreshälfte 2025", "2025-H2"),
        ("de", "am 22.02.2025", "2025-02-22"),
        ("en", "in the fourth quarter of 2025", "2025-Q4"),
        ("en", "by the end of March 2026", "2026-03-31"),
        ("en", "on January 14, 2026", "2026-01-14"),
        ("en", "from 2023 to 2025", "2023/2025"),
        ("en", "Q3 2025", "2025-Q3"),
        ("ru", "к концу 2024 года", "2024-12-31"),
        ("ru", "в 2025–2030 годах", "2025/2030"),
        ("ru", "в первом полугодии 2026 года", "2026-H1"),
        ("ru", "17 июня 2026 года", "2026-06-17"),
        ("zh", "截至2025年底", "2025-12-31"),
        ("zh", "2026年4月1日至6月30日", "2026-04-01/2026-06-30"),
        ("zh", "2026年第一季度", "2026-Q1"),
        ("zh", "二〇二五年", "2025"),
    ],
)
def test_a_period_has_the_notation_of_the_gold(language: str, text: str, period: str) -> None:
    assert [mention.period for mention in read(text, language)] == [period]


def test_a_day_without_a_year_stays_open_until_its_context_completes_it() -> None:
    (mention,) = read("am 22. Februar", "de")
    assert mention.period == "--02-22" and mention.reason is not None
    assert mention.completed(2025).period == "2025-02-22"
    assert read("am 22. Februar", "de", 2025)[0].period == "2025-02-22"


def test_a_half_takes_the_year_of_its_sentence() -> None:
    held = read("Nel 2025 è cresciuta, nel primo semestre di più", "it")
    assert [mention.period for mention in held] == ["2025", "2025-H1"]


@pytest.mark.parametrize(
    ("language", "text"),
    [("pt", "no ano passado"), ("en", "last year"), ("fr", "l’an dernier"), ("zh", "去年")],
)
def test_a_relative_date_stays_relative_with_its_reason(language: str, text: str) -> None:
    (mention,) = read(text, language)
    assert mention.period is None and mention.reason is not None
    assert mention.anchored(2026).period == "2025"


def test_a_day_that_does_not_exist_is_no_date() -> None:
    assert all(m.period != "2025-02-31" for m in read("on 31 February 2025", "en"))

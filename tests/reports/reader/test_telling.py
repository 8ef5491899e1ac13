"""The time that a document as a whole tells of; sentences are our own."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.reader.reader import read
from mains.reports.values import Claim


def claim_of(text: str, value: str) -> Claim:
    reading = read(open_document(text.encode(), name="report.txt"))
    return next(claim for claim in reading.claims if claim.value == value)


@pytest.mark.parametrize(
    "text",
    [
        "In 2025 31 per cent of firms in Norway used AI.\n\n"
        "Among large firms, 64 per cent used AI.",
        "En 2025, 31 % des entreprises norvégiennes utilisaient l'IA.\n\n"
        "Parmi les grandes entreprises, 64 % utilisaient l'IA.",
        "En 2025 el 31 % de las empresas noruegas utilizó la IA.\n\n"
        "Entre las grandes empresas, el 64 % utiliza la IA.",
        "2025年，挪威31%的企业使用人工智能。\n\n大型企业中，64%的企业使用人工智能。",
        "2025 nutzten 31 Prozent der Unternehmen in Norwegen KI.\n\n"
        "Unter den großen Unternehmen nutzen 64 Prozent KI.",
    ],
)
def test_a_survey_keeps_its_time_over_paragraphs(text: str) -> None:
    assert claim_of(text, "64").period == "2025"


def test_a_survey_has_the_month_in_which_it_was_asked() -> None:
    text = (
        "The survey asked 900 firms from 3 to 28 November 2025.\n\n"
        "Of the respondents, 64 per cent use AI."
    )
    assert claim_of(text, "64").period == "2025-11"


def test_a_survey_beside_other_matters_hands_nothing_on() -> None:
    text = (
        "In 2025 31 per cent of firms in Norway used AI.\n\n"
        "The centre in Oslo has 320 GPUs, cost 40 million euros and draws 8 MW. "
        "It employs 45 people and runs 12 projects.\n\n"
        "Half a year ago Lyon opened a site of 90 MW with 2,000 GPUs for 300 million euros.\n\n"
        "Among large firms, 64 per cent used AI."
    )
    assert claim_of(text, "64").period is None


def test_a_headline_stays_without_a_time() -> None:
    text = "Two in five firms use AI\n\nIn 2025 31 per cent of firms in Norway used AI."
    assert claim_of(text, "40").period is None


def test_a_change_of_a_share_price_is_of_the_day_of_the_document() -> None:
    text = "OSLO, 4 May 2026 — Shares of Nordic Compute AS fell 5 per cent."
    assert claim_of(text, "-5").period == "2026-05-04"


def test_a_quarter_that_is_under_way_is_no_plan() -> None:
    text = "OSLO, 15 June 2026 — In the second quarter of 2026, 31 per cent of firms used AI."
    claim = claim_of(text, "31")
    assert (claim.period, claim.modality.value) == ("2026-Q2", "observed")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Since its launch in October 2024, the scheme has served 180 firms.", "180"),
        ("Depuis son lancement en octobre 2024, le chèque a servi à 180 entreprises.", "180"),
        ("Desde octubre de 2024 el programa ha atendido a 180 empresas.", "180"),
        ("自2024年10月以来，该计划已服务180家企业。", "180"),
    ],
)
def test_what_has_been_counted_since_a_time_has_no_period(text: str, value: str) -> None:
    assert claim_of(text, value).period is None


def test_a_year_that_goes_on_a_name_dates_nothing() -> None:
    text = "Le plan France 2030 consacre 540 millions d'euros à Lyon."
    assert claim_of(text, "540000000").period is None


def test_an_agency_may_stand_between_the_day_and_the_text() -> None:
    text = "LYON, 4 mai 2026 (AFP) – La société Éolys compte 240 salariés."
    assert claim_of(text, "240").period is None


def test_a_scheme_called_a_plan_plans_nothing() -> None:
    text = "该计划资助合资格开支的60%。"
    assert claim_of(text, "60").modality.value == "observed"


@pytest.mark.parametrize(
    ("text", "value", "period"),
    [
        ("En agosto de 2025 habían firmado el código 26 proveedores.", "26", "2025-08"),
        (
            "En el ejercicio cerrado el 31 de diciembre de 2025 registró ventas por 61 millones "
            "de pesos.",
            "61000000",
            "2025",
        ),
        ("Al cierre del segundo trimestre de 2025, Lugo tenía 412 MW.", "412000000", "2025-Q2"),
    ],
)
def test_a_time_at_the_head_is_no_event_though_a_verb_follows(
    text: str, value: str, period: str
) -> None:
    assert claim_of(text, value).period == period


@pytest.mark.parametrize(
    "text",
    [
        "In 2025 the centre had 310 staff.\n\nOver the year it drew 61 GWh of power.",
        "En 2025 el centro tenía 310 empleados.\n\nDurante el ejercicio consumió 61 GWh.",
        "En 2025, le centre avait 310 salariés.\n\nAu cours de l'exercice, il a consommé 61 GWh.",
    ],
)
def test_over_the_year_is_the_year_named_before(text: str) -> None:
    assert claim_of(text, "61000000000").period == "2025"


def test_a_verb_of_change_behind_its_ends_makes_no_range() -> None:
    text = "Bis Ende 2027 will die Firma die Zahl der Angestellten von 85 auf 200 erhöhen."
    assert claim_of(text, "85").modality.value == "observed"
    assert claim_of(text, "200").period == "2027-12-31"

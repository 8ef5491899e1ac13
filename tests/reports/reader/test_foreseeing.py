"""What a document announces as a whole, and the dates of events; sentences are our own."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.reader.reader import read
from mains.reports.values import Claim, Modality


def claim_of(text: str, value: str) -> Claim:
    reading = read(open_document(text.encode(), name="report.txt"))
    return next(claim for claim in reading.claims if claim.value == value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # The sentence tells of a plan, and the one before it plans figures.
        (
            "Lyon will open a compute centre with 320 GPUs. The cost, at 40 million euros, "
            "is shared by partners that will each name a director.",
            "40000000",
        ),
        (
            "Lyon abrirá un centro de cómputo con 320 GPU. El coste, de 40 millones de euros, "
            "se reparte entre socios que nombrarán un director.",
            "40000000",
        ),
        # The head says from which day on the rules hold.
        (
            "芜湖市算力券管理办法已于2025年11月3日印发，自2026年2月1日起施行。\n\n"
            "算力券按合同金额的30%抵扣。",
            "30",
        ),
    ],
)
def test_what_the_document_announces_is_planned(text: str, value: str) -> None:
    assert claim_of(text, value).modality is Modality.PLANNED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The vouchers of Lyon pay 50 per cent of the cost.", "50"),
        ("Lyon will open a centre in 2027. Its old centre has already 320 GPUs.", "320"),
    ],
)
def test_what_runs_stays_a_fact(text: str, value: str) -> None:
    assert claim_of(text, value).modality is Modality.OBSERVED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The Lyon AI Factory opened in 2024 with 320 GPUs.", "2024"),
        ("The Lyon AI Factory is to open in March 2027 with 320 GPUs.", "2027-03"),
        ("El centro de datos de Lugo abrió en 2022 con 320 GPU.", "2022"),
        ("Le supercalculateur de Lyon, inauguré en 2021, compte 320 GPU.", "2021"),
    ],
)
def test_a_verb_of_an_event_dates_it_beside_figures_too(text: str, value: str) -> None:
    assert claim_of(text, value).measure == "event_date"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("In 2024 the Lyon AI Factory had 320 GPUs.", "2024"),
        ("The city opened 12 laboratories in May 2025.", "2025-05"),
    ],
)
def test_a_date_that_dates_figures_is_no_event(text: str, value: str) -> None:
    assert claim_of(text, value).measure == "reference_period"


def test_the_day_on_which_something_opened_is_no_dateline() -> None:
    text = "The scheme opened on 3 February 2026. By the end of May 2026 it had 187 applications."
    assert claim_of(text, "187").modality is Modality.OBSERVED


@pytest.mark.parametrize(
    "text",
    [
        "In 2025 the data centres of Lyon drew 248 GWh, equal to 4 per cent of the city's demand.",
        "En 2025 los centros de datos de Lugo consumieron 248 GWh, equivalentes al 4 % del total.",
    ],
)
def test_a_share_has_the_time_of_the_whole_before_it(text: str) -> None:
    assert claim_of(text, "4").period == "2025"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The company promises that city a large data centre with 300 MW of power.", "300000000"),
        ("Iberdrola prometió en Lugo un centro de datos de 300 MW.", "300000000"),
        ("Iberdrola ha promesso a Bari un centro dati da 300 MW.", "300000000"),
        ("Iberdrola verspricht Graz ein Rechenzentrum mit 300 MW.", "300000000"),
    ],
)
def test_what_is_promised_or_asked_for_is_planned(text: str, value: str) -> None:
    assert claim_of(text, value).modality is Modality.PLANNED


def test_an_answer_in_a_survey_is_a_fact_though_it_speaks_of_plans() -> None:
    text = "Of the 1,400 firms polled, 58 per cent said they would hire more people."
    assert claim_of(text, "58").modality is Modality.OBSERVED
    assert claim_of(text, "1400").modality is Modality.OBSERVED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "In the poll of 1,400 firms, 58 per cent of respondents said they would use AI.",
            "58",
        ),
        (
            "Según la encuesta a 1.400 empresas, el 58 % de los encuestados dijo que usaría la IA.",
            "58",
        ),
        (
            "In der Umfrage unter 1.400 Unternehmen wollen 58 Prozent der Befragten KI nutzen.",
            "58",
        ),
    ],
)
def test_what_a_poll_found_is_a_fact_though_people_spoke_of_what_they_would_do(
    text: str, value: str
) -> None:
    # What they said they would do lies ahead; how many said so was observed.
    assert claim_of(text, value).modality is Modality.OBSERVED


@pytest.mark.parametrize(
    "text",
    [
        "Financiará el 70 % del coste de cada proyecto.",
        "Finanzierà il 70 % del costo di ogni progetto.",
        "Pagará 70 % do custo de cada projeto.",
        "Les PME auront droit à un chèque couvrant 70 % de leur facture.",
    ],
)
def test_a_future_that_opens_its_sentence_is_a_plan(text: str) -> None:
    assert claim_of(text, "70").modality is Modality.PLANNED


@pytest.mark.parametrize(
    "text",
    [
        "The minister would like to see 50,000 people trained.",
        "Il ministro vorrebbe formare 50.000 persone.",
    ],
)
def test_what_somebody_would_like_is_an_aim(text: str) -> None:
    assert claim_of(text, "50000").modality is Modality.TARGET

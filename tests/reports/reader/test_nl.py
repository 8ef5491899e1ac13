"""Dutch, which is data alone: figures, measures, times and subjects; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.reader.reader import read
from mains.reports.values import Bound, Claim, Modality
from tests.reports.reader.builders import claims


def read_one(text: str, value: str) -> Claim:
    found = claims(text, language="nl")
    (claim,) = [c for c in found if c.value == value and not c.is_neutral]
    return claim


def test_the_language_is_detected_and_read() -> None:
    text = (
        "Haarlem krijgt een nieuw laboratorium\n\n"
        "De gemeente opent volgend voorjaar een gebouw waarin jonge ondernemers proeven doen.\n"
        "In Utrecht zijn inmiddels 215 AI-bedrijven gevestigd.\n"
    )
    found = read(open_document(text.encode(), name="bericht.txt"))
    assert {(c.subject, c.measure, c.value) for c in found.claims} >= {
        ("city:utrecht", "ai_companies", "215")
    }


@pytest.mark.parametrize(
    ("text", "value", "unit", "bound"),
    [
        ("De bouw kostte ruim 3,4 miljard euro.", "3400000000", "EUR", Bound.MORE_THAN),
        ("De bouw kostte zo’n 12 mln euro.", "12000000", "EUR", Bound.ABOUT),
        ("De bouw kostte hooguit anderhalf miljoen euro.", "1500000", "EUR", Bound.AT_MOST),
        ("Het verbruik loopt op tot minstens 7,5 megawatt.", "7500000", "W", Bound.AT_LEAST),
        ("Breda telt vijfentwintig start-ups.", "25", "count", Bound.EXACT),
        ("Breda telt tweeëndertig start-ups.", "32", "count", Bound.EXACT),
        ("Breda telt tweehonderd start-ups.", "200", "count", Bound.EXACT),
        ("Een kwart van de bedrijven gebruikt AI.", "25", "percent", Bound.EXACT),
        ("Een op de vier bedrijven gebruikt AI.", "25", "percent", Bound.EXACT),
        ("De omzet verdubbelde.", "2", "ratio", Bound.EXACT),
    ],
)
def test_figures(text: str, value: str, unit: str, bound: Bound) -> None:
    claim = read_one(text, value)
    assert (claim.unit, claim.bound) == (unit, bound)


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("Tilburg telt 64 AI-start-ups.", "64", "ai_startups"),
        ("In China zijn 340 taalmodellen geregistreerd.", "340", "registered_models"),
        ("Adyen haalde 80 miljoen euro op.", "80000000", "funding_amount"),
        ("Adyen is gewaardeerd op 3 miljard euro.", "3000000000", "valuation"),
        ("De omzet van Adyen bedroeg 2 miljard euro.", "2000000000", "revenue"),
        ("Delft biedt rekenvouchers van maximaal 30.000 euro.", "30000", "voucher_amount"),
        ("Delft vergoedt 40 procent van de rekenkosten.", "40", "subsidy_rate"),
        ("Delft legde een groeifonds van 90 miljoen euro aan.", "90000000", "fund_size"),
        ("Philips heeft 4.200 medewerkers in dienst.", "4200", "staff"),
        ("Delft leidt 600 docenten op.", "600", "people_trained"),
        ("Delft telt 18.000 GPU's in zijn datacenters.", "18000", "accelerators"),
        ("Nijmegen verbruikt in zijn rekencentrum 9 megawatt.", "9000000", "power_demand"),
        ("België ondervroeg 850 bedrijven voor de enquête.", "850", "survey_sample"),
    ],
)
def test_measures(text: str, value: str, measure: str) -> None:
    assert read_one(text, value).measure == measure


@pytest.mark.parametrize(
    ("text", "value", "period", "modality"),
    [
        ("Eind 2024 telde Leiden 71 AI-bedrijven.", "71", "2024-12-31", Modality.OBSERVED),
        ("Leiden wil in 2031 90 AI-bedrijven tellen.", "90", "2031", Modality.PLANNED),
        (
            "In het derde kwartaal van 2025 steeg de omzet van ASML met 6 procent.",
            "6",
            "2025-Q3",
            Modality.OBSERVED,
        ),
    ],
)
def test_times(text: str, value: str, period: str, modality: Modality) -> None:
    claim = read_one(text, value)
    assert (claim.period, claim.modality) == (period, modality)


@pytest.mark.parametrize(
    "text",
    [
        "Een van de bewoners klaagt over het geluid.",
        "Dat is een eerste stap, vindt de wethouder.",
        "Tientallen buren kwamen kijken.",
        "De deuren gaan om 9 uur open.",
    ],
)
def test_what_is_no_figure(text: str) -> None:
    assert [c for c in claims(text, language="nl") if not c.is_neutral] == []

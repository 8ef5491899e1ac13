"""French: currencies by country, bounds, and look-alikes of measures; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.values import Bound, Claim
from tests.reports.reader.builders import claims


def read_one(text: str, value: str) -> Claim:
    found = claims(text, language="fr")
    (claim,) = [c for c in found if c.value == value and not c.is_neutral]
    return claim


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("À Lyon, 640 dirigeants ont été interrogés.", "640", "survey_sample"),
        ("Lyon compte 88 entreprises d'IA.", "88", "ai_companies"),
        ("Lyon compte 88 start-up actives dans l'IA.", "88", "ai_startups"),
        ("À Lyon, 64 entreprises ont été retenues par le jury.", "64", "firms_selected"),
        ("À Lyon, le secteur emploie 2 300 salariés.", "2300", "staff"),
        ("À Lyon, le projet créera 350 emplois.", "350", "jobs_created"),
        ("Lyon veut former 4 000 étudiants.", "4000", "people_trained"),
        ("Airbus a bouclé un tour de table de 30 millions d'euros.", "30000000", "funding_amount"),
        ("Airbus est valorisé 9 milliards d'euros.", "9000000000", "valuation"),
        ("Airbus a racheté Arianespace pour 40 millions d'euros.", "40000000", "deal_value"),
        ("Le bénéfice net d'Airbus atteint 90 millions d'euros.", "90000000", "profit"),
        (
            "Airbus a réalisé un chiffre d'affaires de 220 millions d'euros.",
            "220000000",
            "revenue",
        ),
        ("La demande des centres de données de Lyon atteindra 90 MW.", "90000000", "power_demand"),
        ("Lyon prend en charge 60 % des frais de calcul.", "60", "subsidy_rate"),
        ("À Lyon, l'IA pèse 3 milliards d'euros.", "3000000000", "ai_industry_value"),
    ],
)
def test_measures_and_their_look_alikes(text: str, value: str, measure: str) -> None:
    assert read_one(text, value).measure == measure


def test_the_staff_of_the_firms_counted_is_a_threshold() -> None:
    text = "En France, 12 % des entreprises de 10 salariés ou plus utilisent l'IA."
    assert read_one(text, "12").measure == "adoption_rate"
    threshold = read_one(text, "10")
    assert (threshold.measure, threshold.bound) == ("tier_threshold", Bound.AT_LEAST)


def test_a_comparison_carries_the_measure_before_it() -> None:
    text = "En France, 12 % des entreprises utilisent l'IA, contre 9 % en 2023."
    assert read_one(text, "9").measure == "adoption_rate"


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("Le Canada investit 40 M$ à Ottawa.", "40000000", "CAD"),
        ("La start-up américaine a levé 40 M$ aux États-Unis.", "40000000", "USD"),
        ("Au Canada, il faut 40 M$ (29 M$ US).", "29000000", "USD"),
        ("Au Canada, 40 M$ CA valent 29 M$.", "29000000", "USD"),
        ("Le Maroc y consacre 3 milliards de dirhams.", "3000000000", "MAD"),
        ("Le Maroc y consacre 3 MMDH.", "3000000000", "MAD"),
        ("Les Émirats arabes unis y consacrent 3 milliards de dirhams.", "3000000000", "AED"),
        ("Le Gabon y consacre 9 milliards de FCFA.", "9000000000", "XAF"),
        ("Le Sénégal y consacre 9 milliards de francs CFA.", "9000000000", "XOF"),
        ("L'Algérie y consacre 2 milliards de dinars.", "2000000000", "DZD"),
        ("Le taux gagne neuf points en France.", "9", "points"),
        (
            "Airbus a levé 5 millions d'euros, dont 2 millions apportés par Thales.",
            "2000000",
            "EUR",
        ),
    ],
)
def test_units(text: str, value: str, unit: str) -> None:
    assert read_one(text, value).unit == unit


def test_a_number_behind_two_capitals_is_a_version() -> None:
    found = claims("Airbus a présenté Grand Corbeau 3, un assistant.", language="fr")
    assert [c.measure for c in found if c.value == "3"] == ["name_number"]


def test_a_bare_fraction_compared_has_the_unit_before() -> None:
    text = "À Lyon, la machine offre 12,5 pétaflops, contre 3,5 auparavant."
    assert read_one(text, "3500000000000000").measure == "compute_capacity"


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("Lyon compte un peu moins de 90 start-up.", "90", Bound.AT_MOST),
        ("Lyon compte au bas mot 90 start-up.", "90", Bound.AT_LEAST),
        ("Lyon compte à peine 90 start-up.", "90", Bound.ABOUT),
        ("Lyon verse jusqu'à concurrence de 90 000 euros par entreprise.", "90000", Bound.UP_TO),
        ("À Lyon, l'aide ne peut excéder 90 000 euros par entreprise.", "90000", Bound.AT_MOST),
    ],
)
def test_bounds(text: str, value: str, bound: Bound) -> None:
    assert read_one(text, value).bound is bound

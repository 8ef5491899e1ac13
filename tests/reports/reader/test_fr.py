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


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("À Lyon, l'aide est plafonnée à 40 000 euros par entreprise.", "40000", "subsidy_cap"),
        ("À Lyon, les bons de calcul ont profité à 300 PME.", "300", "firms_selected"),
        (
            "À Lyon, 18 % des entreprises déclarent utiliser au moins une technologie d'IA.",
            "18",
            "adoption_rate",
        ),
        ("À Lyon, 71 % des dirigeants invoquent le manque d'expertise.", "71", "survey_share"),
        ("Le titre d'Airbus a perdu 4 % en séance.", "-4", "share_price_change"),
        ("Airbus compte recruter 50 ingénieurs.", "50", "jobs_created"),
        ("Le modèle Lucie a appris de 3 000 milliards de tokens.", "3000000000000", "data_volume"),
        ("Les data centers de Dublin engloutissent 4 TWh.", "4000000000000", "power_demand"),
        ("À Lyon, le contrat a été signé pour 30 millions d'euros.", "30000000", "deal_value"),
        ("À Lyon, la formation accueillera 2 000 apprenants.", "2000", "people_trained"),
        ("Airbus, établie à Toulouse depuis 2005, est rentable.", "2005", "founded_year"),
        ("Le consortium réunit une dizaine de partenaires à Lyon.", "10", "consortium_size"),
    ],
)
def test_other_ways_to_name_a_measure(text: str, value: str, measure: str) -> None:
    assert read_one(text, value).measure == measure


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("Airbus a levé 1,2 Md € en 2025.", "1200000000", "EUR"),
        ("Airbus a levé 12 M d'euros en 2025.", "12000000", "EUR"),
        ("Airbus a levé un demi-milliard d'euros.", "500000000", "EUR"),
        ("Le Maroc y consacre 1,5 Md DH.", "1500000000", "MAD"),
        ("À Dakar, une bourse de 60 000 francs est versée.", "60000", "XOF"),
        ("À Lausanne, une bourse de 60 000 francs est versée.", "60000", "CHF"),
    ],
)
def test_amounts_as_newspapers_write_them(text: str, value: str, unit: str) -> None:
    assert read_one(text, value).unit == unit


@pytest.mark.parametrize(
    ("text", "value", "subject"),
    [
        ("La jeune pousse lyonnaise Nova Santé emploie 70 personnes.", "70", "org:nova-sante"),
        ("Le campus de Seneffe compte 400 GPU.", "400", "platform:campus-de-seneffe"),
        ("Le supercalculateur de Lyon aligne 900 puces.", "900", "platform:lyon-supercomputer"),
        ("Les bons de calcul de Lyon ont aidé 40 PME.", "40", "programme:lyon-compute-vouchers"),
    ],
)
def test_names_beside_nouns_of_kind(text: str, value: str, subject: str) -> None:
    assert read_one(text, value).subject == subject


@pytest.mark.parametrize(
    ("text", "value", "period"),
    [
        ("Entre janvier et avril 2025, Lyon a formé 400 agents.", "400", "2025-01/2025-04"),
        (
            "Au cours de l'exercice 2025-2026, Airbus a formé 400 agents.",
            "400",
            "2025/2026",
        ),
    ],
)
def test_periods(text: str, value: str, period: str) -> None:
    assert read_one(text, value).period == period


def test_the_start_of_a_planned_change_is_a_fact() -> None:
    text = "À Lyon, la puissance sera portée de 1,4 à 5 mégawatts."
    assert (read_one(text, "1400000").bound, read_one(text, "5000000").bound) == (
        Bound.EXACT,
        Bound.EXACT,
    )
    assert read_one(text, "5000000").modality.value == "planned"

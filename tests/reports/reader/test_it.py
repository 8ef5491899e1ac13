"""Italian: measures, bounds and places as newsrooms write them; our own words."""

from __future__ import annotations

import pytest

from mains.reports.values import Bound, Claim
from tests.reports.reader.builders import figures


def claims(*paragraphs: str) -> list[Claim]:
    return figures(*paragraphs, language="it")


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("A Genova gli addetti sono 900.", "900", "staff"),
        ("Bari ha raccolto domande: 40 progetti finanziati.", "40", "projects_funded"),
        ("Al consorzio di Genova partecipano 21 enti.", "21", "consortium_size"),
        ("Il mercato italiano vale 2 miliardi di euro.", "2000000000", "ai_market_value"),
    ],
)
def test_a_measure_is_named_in_many_ways(text: str, value: str, measure: str) -> None:
    assert [(c.value, c.measure) for c in claims(text)] == [(value, measure)]


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("A Genova ci sono all’incirca 300 imprese di IA.", "300", Bound.ABOUT),
        ("A Genova ci sono quantomeno 300 imprese di IA.", "300", Bound.AT_LEAST),
        ("A Genova le imprese di IA sono più delle 300 attese.", "300", Bound.MORE_THAN),
    ],
)
def test_a_bound(text: str, value: str, bound: Bound) -> None:
    assert [(c.value, c.bound) for c in claims(text)] == [(value, bound)]


def test_crore_are_a_magnitude() -> None:
    found = claims("La missione indiana vale 10.300 crore di rupie.")
    assert [(c.value, c.unit) for c in found] == [("103000000000", "INR")]


def test_a_later_place_is_of_what_the_first_was() -> None:
    found = claims(
        "In Italia usa l’IA il 16% delle imprese. L’Italia è quattordicesima nell’Unione europea; "
        "in testa c’è la Danimarca."
    )
    assert [(c.measure, c.value) for c in found if c.unit == "ordinal"] == [
        ("rank_adoption_rate", "14"),
        ("rank_adoption_rate", "1"),
    ]


def test_two_rounds_have_two_scopes() -> None:
    found = claims(
        "La startup Zeta ha raccolto 20 milioni di euro (23 milioni di dollari) in un nuovo round, "
        "dopo aver ottenuto un investimento di 8 milioni di euro."
    )
    assert [c.scope for c in found] == ["new round", "new round", "earlier investment"]

"""German: compounds, bounds that are none, and look-alikes of measures; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.values import Bound, Claim
from tests.reports.reader.builders import claims


def read_one(text: str, value: str) -> Claim:
    found = claims(text, language="de")
    (claim,) = [c for c in found if c.value == value and not c.is_neutral]
    return claim


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("Bremen legt einen Zukunftsfonds von 70 Millionen Euro auf.", "70000000", "fund_size"),
        ("In Aachen stehen 5.000 Spezialchips.", "5000", "accelerators"),
        ("In Aachen arbeiten 2.300 Menschen in KI-Firmen.", "2300", "staff"),
        ("Bremen bildet 800 Lehrkräfte aus.", "800", "people_trained"),
        ("In Bremen wurden 640 Firmen befragt.", "640", "survey_sample"),
        ("In Bremen wurden 64 Firmen von der Jury ausgewählt.", "64", "firms_selected"),
        ("Siemens begab Wandelanleihen von 2 Milliarden Euro.", "2000000000", "bond_amount"),
        ("Siemens wird mit 9 Milliarden Euro bewertet.", "9000000000", "valuation"),
        ("Siemens steigerte den Konzernumsatz auf 9 Milliarden Euro.", "9000000000", "revenue"),
        ("Bremen übernimmt 60 Prozent der Rechenkosten.", "60", "subsidy_rate"),
        ("In Bremen ist die Förderung auf 90.000 Euro gedeckelt.", "90000", "subsidy_cap"),
        ("Der Rechner in Aachen schafft 3 Petaflops.", "3000000000000000", "compute_capacity"),
    ],
)
def test_measures_and_their_look_alikes(text: str, value: str, measure: str) -> None:
    assert read_one(text, value).measure == measure


def test_employees_counted_name_no_amount() -> None:
    text = "In Bremen bekommen Firmen mit 40 Mitarbeitern Gutscheine von bis zu 25.000 Euro."
    assert read_one(text, "25000").measure == "voucher_amount"


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("Siemens begab eine Anleihe über 3 Milliarden Euro.", "3000000000", Bound.EXACT),
        ("Siemens schloss die Runde mit 45 Millionen Euro ab.", "45000000", Bound.EXACT),
        ("Siemens nahm über 3 Milliarden Euro ein.", "3000000000", Bound.MORE_THAN),
        ("Siemens nahm rund 3 Milliarden Euro ein.", "3000000000", Bound.ABOUT),
        ("Siemens nahm nicht mehr als 3 Milliarden Euro ein.", "3000000000", Bound.AT_MOST),
    ],
)
def test_bounds(text: str, value: str, bound: Bound) -> None:
    assert read_one(text, value).bound is bound

"""Which figures English texts hold: multiples, dozens, decades, places, powers, parts of words."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.reader.reader import drafts_of
from tests.reports.reader.test_quantities import told

LEAD = "The ministry and several companies have told reporters of their plans for computing."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Half a dozen universities joined.", [("6", "count", "exact")]),
        ("More than two dozen companies were selected.", [("24", "count", "more_than")]),
        ("Over a dozen firms were selected.", [("12", "count", "more_than")]),
        ("Over a billion people use it.", [("1000000000", "count", "more_than")]),
        ("Over a third of firms use AI.", [("33.3", "percent", "more_than")]),
        ("Under a quarter of firms use AI.", [("25", "percent", "at_most")]),
        ("One-and-a-half billion euros were spent.", [("1500000000", "EUR", "exact")]),
        ("The programme lasts two-and-a-half years.", [("2.5", "year", "exact")]),
        ("The programme lasts 2½ years.", [("2.5", "year", "exact")]),
        ("One firm in three uses AI.", [("33.3", "percent", "exact")]),
        ("One worker in eight uses AI.", [("12.5", "percent", "exact")]),
        ("It needs ten times less memory.", [("0.1", "ratio", "exact")]),
        ("Just shy of 5,000 GPUs are installed.", [("5000", "count", "about")]),
        ("Close on 900 firms applied.", [("900", "count", "about")]),
        (
            "Capex will be $80bn-$85bn this year.",
            [("80000000000", "USD", "at_least"), ("85000000000", "USD", "at_most")],
        ),
        (
            "The project will cost between $50 and $100 million.",
            [("50000000", "USD", "at_least"), ("100000000", "USD", "at_most")],
        ),
        ("The investment totals EUR 3.5m.", [("3500000", "EUR", "exact")]),
        ("The state offers Rs10,372-crore.", [("103720000000", "INR", "exact")]),
        ("The investment totals Rs 500 cr.", [("5000000000", "INR", "exact")]),
        ("The dividend is 12 pence.", [("0.12", "GBP", "exact")]),
        ("It costs 12 US cents per query.", [("0.12", "USD", "exact")]),
        ("A change of -3.2% is expected.", [("-3.2", "percent", "exact")]),
        ("Headcount shrank by a fifth.", [("-20", "percent", "exact")]),
        (
            "The rule applies above 10^25 FLOPs.",
            [("10000000000000000000000000", "FLOPS", "more_than")],
        ),
        ("The country ranks 14th out of 83 by compute.", [("14", "ordinal", "exact")]),
        ("The company ranks No. 3 in the world by users.", [("3", "ordinal", "exact")]),
        ("The company was founded 12 years ago.", []),
        ("In the 1990s little was spent.", []),
        ("The 15th Five-Year Plan mentions computing.", []),
        ("Several dozen firms applied.", []),
    ],
)
def test_figures_are_found_as_newsrooms_write_them(
    text: str, expected: list[tuple[str, str, str]]
) -> None:
    drafts = drafts_of(open_document(f"{LEAD}\n\n{text} {LEAD}".encode(), name="a.txt"))
    held = [(str(d.value), d.unit, d.bound.value) for d in drafts if not d.is_neutral]
    assert held == expected


def test_a_range_with_a_sign_at_each_end_takes_no_sign_twice() -> None:
    assert [(value, unit) for _, value, unit, _ in told("It costs $1bn-$1.5bn.", "en")] == [
        ("1000000000", "USD"),
        ("1500000000", "USD"),
    ]


def test_what_is_glued_behind_a_name_is_part_of_it() -> None:
    text = "Alibaba released Qwen2.5-72B to 40 firms."
    found = drafts_of(open_document(text.encode(), name="x.txt"))
    assert [draft.value for draft in found if not draft.is_neutral] == ["40"]

"""What is known of a claim by how it was bound: whose figure it is, and whether it is of now."""

import pytest

from mains.reports.reader.drafts import SUBJECT_WORDS
from mains.reports.reconcile.sides import INFERRED
from mains.reports.values import REVIEWED, Reason
from tests.reports.reconcile.builders import a_claim, kinds

SOUTH = "south.txt"


@pytest.mark.parametrize("way", ["paragraph", "title", "document", "ambiguous"])
def test_whose_figure_was_inferred_contradicts_nothing_before_a_review(way: str) -> None:
    inferred = Reason(f"subject_{way}", "it is not named here")
    named = Reason("subject_clause", "it is the subject of the clause")
    a = a_claim("140", reasons=(named,))
    assert kinds(a, a_claim("120", doc=SOUTH, reasons=(named,))) == ["conflict"]
    assert kinds(a, a_claim("120", doc=SOUTH, reasons=(inferred,))) == []
    assert kinds(a, a_claim("120", doc=SOUTH, reasons=(inferred, REVIEWED))) == ["conflict"]
    assert kinds(a, a_claim("140", doc=SOUTH, reasons=(inferred,))) == ["same"], "only accusing"


def test_every_way_to_a_subject_is_named_in_the_sentence_or_inferred() -> None:
    named = {"possessor", "clause", "sentence", "respective", "behind"}
    inferred = {f"subject_{way}" for way in {*SUBJECT_WORDS, "ambiguous"} - named}
    assert inferred == INFERRED


def test_a_figure_of_now_contradicts_none_without_a_time() -> None:
    now = Reason("period_now", "the text speaks of now")
    fixed = {"measure": "founded_year", "unit": "year", "subject": "org:brightmill"}
    a = a_claim("2018", **fixed)
    assert kinds(a, a_claim("2019", doc=SOUTH, reasons=(now,), **fixed)) == []
    both = a_claim("2019", doc=SOUTH, reasons=(now,), **fixed)
    assert kinds(a_claim("2018", reasons=(now,), **fixed), both) == ["conflict"]

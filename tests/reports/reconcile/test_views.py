"""The current view: what stands, what made room, what contradicts, each with its reason."""

from mains.reports.reconcile.edges import edges
from mains.reports.reconcile.facts import DocumentFacts
from mains.reports.reconcile.views import View, ViewState, view
from mains.reports.values import BlockKind, Bound, Claim, Modality, Status
from tests.reports.reconcile.builders import DOCUMENTS, a_claim, a_date, facts, money

SOUTH = "south.txt"


def seen(
    *claims: Claim, scope: str | None = None, documents: dict[str, DocumentFacts] | None = None
) -> View:
    """Return the view of the first claim's subject and measure over all the claims."""
    known = DOCUMENTS if documents is None else documents
    subject, measure = claims[0].subject, claims[0].measure
    assert subject is not None and measure is not None
    return view(subject, measure, scope, claims, edges(claims, known), known)


def test_documents_that_agree_support_one_figure() -> None:
    a, b = a_claim("183", period="2025"), a_claim("183", period="2025", doc=SOUTH)
    found = seen(a, b)
    [standing] = found.current
    assert found.state is ViewState.AGREED
    assert (standing.value, standing.low, standing.high) == ("183", "183", "183")
    assert (standing.supports, standing.documents) == (2, ("north.txt", SOUTH))
    assert set(standing.claims) == {a.id, b.id}


def test_a_copy_counts_with_its_original() -> None:
    documents = {**DOCUMENTS, "copy.txt": facts("copy.txt", copy_of="north.txt")}
    a, copy = a_claim("183"), a_claim("183", doc="copy.txt")
    [standing] = seen(a, copy, documents=documents).current
    assert (standing.supports, standing.claim) == (1, a.id)
    assert "copies" in {reason.code for reason in standing.reasons}
    [alone] = view("city:aldern", "registered_models", None, [a, copy], [], documents).current
    assert alone.claims == (a.id, copy.id), "also where a copy's repetition has no stored edge"


def test_the_older_figure_makes_room_and_says_why() -> None:
    older, newer = a_claim("105"), a_claim("183", doc=SOUTH)
    found = seen(older, newer)
    [gone] = found.superseded
    assert (gone.claim, gone.by) == (older.id, newer.id)
    assert "105" in gone.reason and "183" in gone.reason
    assert [each.claim for each in found.current] == [newer.id]
    assert {reason.code for reason in found.reasons} == {"agreed", "superseded"}


def test_the_last_of_several_updates_is_named() -> None:
    years = [a_claim(str(value), period=str(year)) for value, year in ((60, 2023), (105, 2024))]
    last = a_claim("183", period="2025", doc=SOUTH)
    found = seen(*years, last)
    assert {each.by for each in found.superseded} == {last.id}
    assert [each.claim for each in found.current] == [last.id]


def test_contradictions_stay_open() -> None:
    a, b = a_claim("183", period="2025"), a_claim("197", period="2025", doc=SOUTH)
    found = seen(a, b)
    assert found.state is ViewState.CONTESTED
    assert len(found.current) == 2
    assert [(each.a, each.b) for each in found.conflicts] == [(a.id, b.id)]
    assert "conflict" in {reason.code for reason in found.reasons}


def test_a_third_voice_joins_its_own_side_of_a_contradiction() -> None:
    a = a_claim("183", period="2025")
    b = a_claim("197", period="2025", doc=SOUTH)
    c = a_claim("170", bound=Bound.MORE_THAN, period="2025", doc="east.txt")
    found = seen(a, b, c)
    assert sorted(each.supports for each in found.current) == [1, 2]


def test_bounds_are_drawn_together_to_what_all_allow() -> None:
    loose = money("400", bound=Bound.MORE_THAN)
    tight = money("450", bound=Bound.MORE_THAN, doc=SOUTH)
    [standing] = seen(loose, tight).current
    assert (standing.claim, standing.low, standing.high) == (tight.id, "450", None)
    low, high = money("350", bound=Bound.AT_LEAST), money("400", bound=Bound.AT_MOST)
    [standing] = seen(low, high).current
    assert (standing.low, standing.high) == ("350", "400")


def test_an_exact_figure_leads_and_a_headline_never_does() -> None:
    body = a_claim("183", period="2025")
    top = a_claim("180", scope="headline")
    loose = a_claim("180", bound=Bound.MORE_THAN, doc=SOUTH, period="2025")
    [standing] = seen(top, loose, body).current
    assert (standing.claim, standing.low, standing.high) == (body.id, "183", "183")
    assert "most_exact" in {reason.code for reason in standing.reasons}


def test_a_figure_in_another_currency_is_kept_as_it_was_stated() -> None:
    first = money("560", id="first", pair="second")
    second = money("610", id="second", pair="first", unit="USD")
    [standing] = seen(first, second).current
    assert (standing.claim, standing.restated) == ("first", ("610 USD",))


def test_plans_targets_and_estimates_stand_apart() -> None:
    target = a_claim("500", modality=Modality.TARGET, period="2030")
    found = seen(target)
    assert (found.state, found.current) == (ViewState.EMPTY, ())
    assert [each.claim for each in found.apart] == [target.id]
    both = seen(a_claim("120"), target)
    assert both.state is ViewState.AGREED and len(both.apart) == 1


def test_other_scopes_and_times_are_left_side_by_side() -> None:
    whole, part = a_claim("2600"), a_claim("52", scope="listed firms", doc=SOUTH)
    found = seen(whole, part)
    assert found.state is ViewState.OPEN and len(found.current) == 2
    assert [each.claim for each in seen(whole, part, scope="firms, listed").current] == [part.id]


def test_claims_that_wait_count_for_nothing() -> None:
    waiting = a_claim("999", status=Status.QUEUED, doc=SOUTH)
    found = seen(a_claim("183"), waiting, a_claim("4", measure="staff"))
    assert found.waiting == (waiting.id,)
    assert found.current[0].supports == 1
    assert "waiting" in {reason.code for reason in found.reasons}


def test_a_date_from_one_document_dates_the_figure() -> None:
    undated = a_claim("60", doc=SOUTH)
    dated = a_claim("60", period="2023-12-31")
    [standing] = seen(undated, dated).current
    assert standing.period == "2023-12-31"
    reasons = {reason.code: reason.text for reason in standing.reasons}
    assert "north.txt" in reasons["undated"]
    [standing] = seen(undated).current
    assert standing.reasons[-1].text == "No document dates it."


def test_dates_are_spans_of_days() -> None:
    year, day = a_date("2026"), a_date("2026-05-04", doc=SOUTH)
    [standing] = seen(year, day).current
    assert (standing.claim, standing.low, standing.high) == (day.id, "2026-05-04", "2026-05-04")


def test_what_is_no_number_stands_without_ends() -> None:
    [standing] = seen(a_claim("many")).current
    assert (standing.low, standing.high) == (None, None)


def test_a_rounding_past_the_others_draws_no_end() -> None:
    fine, rounded = money("23030"), money("23000", doc=SOUTH)
    [standing] = seen(rounded, fine).current
    assert (standing.low, standing.high) == ("23030", "23030")


def test_the_newest_stands_first_and_the_order_is_always_the_same() -> None:
    claims = [
        a_claim("9", measure="growth_rate", unit="percent", scope=scope, period=period)
        for scope, period in (("digital economy", "2024"), ("core sector", "2025"), ("chips", None))
    ]
    forward, backward = seen(*claims), seen(claims[0], *reversed(claims[1:]))
    assert [each.claim for each in forward.current] == [each.claim for each in backward.current]
    assert forward.current[0].period == "2025"


def test_a_headline_block_is_a_headline() -> None:
    assert seen(a_claim("183", block=BlockKind.TITLE)).current[0].low == "183"

"""Drafts over a real database: opened once, joined, filled, completed once, in the audit's eyes."""

import asyncio
import json
from uuid import uuid4

import pytest

from mains.clock import ManualClock
from mains.db import Database, Queries
from mains.errors import (
    AlreadyExists,
    DocumentInvalid,
    DraftIncomplete,
    ForeignOrganisation,
    KeyReused,
    MainsError,
    NotFound,
    RequestInvalid,
    SourceRejected,
    StateConflict,
)
from mains.ids import short
from mains.ledger import auditing
from mains.programmes import service as programmes
from mains.reports.drafts import service
from mains.reports.values import Bound
from mains.units import Money
from mains.wire import dsse
from mains.wire.drafts import DRAFT_TYPE, DraftDetail, FieldView
from tests.reports.drafts.builders import (
    DONGGUAN,
    FILLS,
    SCHEME,
    a_claim,
    a_relation,
    an_up_to,
)
from tests.reports.drafts.library import Desk, a_caller, a_desk

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(database: Database, clock: ManualClock) -> Desk:
    return await a_desk(database, clock)


def field(draft: DraftDetail, name: str) -> FieldView:
    [found] = [each for each in draft.fields if each.name == name]
    return found


async def audit(desk: Desk) -> list[auditing.Finding]:
    sections = {
        name: Queries.load(f"mains.{name}", "audit.sql")
        for name in ("ledger", "programmes", "reports")
    }
    async with desk.database.transaction() as tx:
        return await auditing.audit(tx, sections)


async def test_filing_a_voucher_claim_opens_a_draft_with_its_source(desk: Desk) -> None:
    claim = an_up_to()
    [opened] = await desk.file(claim)
    draft = await desk.draft(opened)
    assert (draft.kind, draft.subject, draft.state, draft.revision) == (
        *("programme", DONGGUAN, "open", 1),
    )
    limit = field(draft, "limit")
    assert limit.values == ["50000000.00"]
    assert [(each.source, each.bound, each.doc) for each in limit.statements] == [
        (claim.id, "up_to", "one.txt")
    ]
    assert field(draft, "rate").values == []
    assert "rate" in draft.unknown
    assert [each.event for each in draft.events] == ["opened"]
    assert await audit(desk) == []


async def test_the_same_document_again_opens_nothing(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    assert await desk.again() == []
    assert (await desk.draft(opened)).revision == 1


async def test_several_claims_about_one_programme_open_one_draft(desk: Desk) -> None:
    opened = await desk.file(
        a_claim("subsidy_pool", "75000000", subject=SCHEME),
        a_claim("subsidy_rate", "50", unit="percent", subject=SCHEME, start=200),
        an_up_to(start=250),
        a_relation(DONGGUAN, "funds", SCHEME),
    )
    assert len(opened) == 1


async def test_a_copy_opens_no_draft(desk: Desk) -> None:
    await desk.file(an_up_to())
    copied = a_relation("org:orchard", "develops", "model:pear", doc="copy.txt")
    assert await desk.file(copied, name="copy.txt", copy_of="one.txt") == []


async def test_a_later_report_proposes_to_the_open_draft_and_overwrites_nothing(
    desk: Desk,
) -> None:
    first = a_claim("subsidy_pool", "75000000")
    [opened] = await desk.file(first)
    await desk.fill(opened, {"rate": ["50 %"]})
    later = a_claim("subsidy_pool", "90000000", doc="two.txt")
    assert await desk.file(later, name="two.txt") == []
    draft = await desk.draft(opened)
    pot = field(draft, "pot")
    assert pot.values == ["75000000.00"]
    assert [(each.value, each.later) for each in pot.statements] == [
        ("75000000", False),
        ("90000000", True),
    ]
    assert field(draft, "rate").values == ["50.00 %"]
    assert [each.event for each in draft.events] == ["joined", "filled", "opened"]
    taken = await desk.fill(opened, {"pot": [f"claim:{later.id}"]})
    assert field(taken, "pot").values == ["90000000.00"]
    assert await audit(desk) == []


async def test_an_updating_claim_joins_under_another_name(desk: Desk) -> None:
    first = an_up_to()
    [opened] = await desk.file(first)
    later = an_up_to("60000000", doc="two.txt", subject=SCHEME)
    assert await desk.file(later, name="two.txt", same={first.id: later.id}) == []
    assert len(field(await desk.draft(opened), "limit").statements) == 2


async def test_a_draft_cannot_be_completed_before_a_review_filled_what_is_unknown(
    desk: Desk,
) -> None:
    [opened] = await desk.file(an_up_to())
    with pytest.raises(DraftIncomplete) as refused:
        await desk.complete(opened)
    unknown = refused.value.facts["unknown"]
    assert isinstance(unknown, dict)
    assert unknown["limit_is"].endswith("pot or per_applicant")
    assert "rate" in refused.value.detail
    assert (await desk.draft(opened)).state == "open"
    assert await audit(desk) == []


async def test_a_completed_draft_is_a_programme_that_grants_vouchers(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    await desk.fill(opened)
    draft = await desk.complete(opened)
    assert (draft.state, draft.outcome) == ("completed", "compute-2026@1")
    published = await desk.programme()
    assert published.pot == Money(50_000_000_000_000, "CNY")
    assert published.organisation == "programme-office"
    assert published.document.source.startswith("reports: one.txt (")
    assert an_up_to().id in published.document.source
    assert draft.record is not None
    assert draft.record["document_sha256"] == published.document_sha256
    firm = await desk.organisation("harbour-robotics")
    async with desk.database.transaction() as tx:
        voucher = await programmes.grant_voucher(
            tx,
            voucher_id=uuid4(),
            programme="compute-2026",
            organisation_id=firm,
            amount=Money(1_000_000, "CNY"),
            actor_id=None,
            now=desk.clock.now(),
        )
    assert voucher.programme == "compute-2026"
    assert await audit(desk) == []


async def test_every_decision_is_signed_in_the_name_of_who_took_it(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    await desk.fill(opened)
    await desk.complete(opened)
    async with desk.database.transaction() as tx:
        envelopes = await service.envelopes(tx, opened)
    completed, filled = (
        json.loads(
            dsse.verify(each, public_key_hex=desk.signer.public_key_hex, payload_type=DRAFT_TYPE)
        )
        for each in envelopes
    )
    assert (filled["event"], filled["fields"]["rate"]) == ("filled", ["50 %"])
    assert (completed["event"], completed["person"]) == (
        *("completed", "person-of-programme-office"),
    )
    assert completed["record"]["fields"]["pot"]["values"] == ["50000000.00"]


async def test_completing_twice_under_one_id_is_a_replay_and_under_another_a_conflict(
    desk: Desk,
) -> None:
    [opened] = await desk.file(an_up_to())
    await desk.fill(opened)
    completion = uuid4()
    first = await desk.complete(opened, id=completion)
    assert await desk.complete(opened, id=completion) == first
    with pytest.raises(StateConflict, match="completed by person-of-programme-office"):
        await desk.complete(opened)
    assert (await desk.programme()).version == 1
    assert await audit(desk) == []


async def test_of_two_people_who_complete_at_once_one_does(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    await desk.fill(opened)
    other = await a_caller(desk.database, desk.clock, "other-office", *desk.officer.roles)
    outcomes = await asyncio.gather(
        desk.complete(opened),
        desk.complete(opened, by=other),
        desk.complete(opened),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == [
        *("DraftDetail", "StateConflict", "StateConflict")
    ]
    assert (await desk.programme()).version == 1
    assert await audit(desk) == []


async def test_a_failed_completion_leaves_neither_programme_nor_event(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    await desk.fill(opened, FILLS | {"valid_until": ("2020-01-01",)})
    with pytest.raises(DocumentInvalid, match="valid"):
        await desk.complete(opened)
    draft = await desk.draft(opened)
    assert (draft.state, draft.revision) == ("open", 2)
    with pytest.raises(NotFound):
        await desk.programme()
    assert await audit(desk) == []


async def test_a_name_that_is_taken_is_refused_and_a_following_draft_makes_the_next_version(
    desk: Desk,
) -> None:
    [first] = await desk.file(an_up_to())
    await desk.fill(first)
    await desk.complete(first)
    [other] = await desk.file(an_up_to(subject="city:shenzhen", doc="b.txt"), name="b.txt")
    await desk.fill(other)
    with pytest.raises(AlreadyExists, match="compute-2026"):
        await desk.complete(other)
    [following] = await desk.file(an_up_to("60000000", doc="c.txt"), name="c.txt")
    await desk.fill(following)
    draft = await desk.complete(following)
    assert (draft.follows, draft.outcome) == (first, "compute-2026@2")
    assert (await desk.programme()).pot == Money(60_000_000_000_000, "CNY")
    assert await audit(desk) == []


async def test_an_officer_of_another_office_publishes_no_version_of_a_foreign_programme(
    desk: Desk,
) -> None:
    [first] = await desk.file(an_up_to())
    await desk.fill(first)
    await desk.complete(first)
    [following] = await desk.file(an_up_to("60000000", doc="c.txt"), name="c.txt")
    await desk.fill(following)
    other = await a_caller(desk.database, desk.clock, "other-office", *desk.officer.roles)
    with pytest.raises(ForeignOrganisation):
        await desk.complete(following, by=other)


async def test_a_draft_whose_claim_a_review_rejected_cannot_be_completed(desk: Desk) -> None:
    claim = an_up_to()
    [opened] = await desk.file(claim)
    await desk.fill(opened, FILLS | {"pot": ("1000",)})
    await desk.review(claim, "reject")
    draft = await desk.draft(opened)
    assert draft.rejected == [claim.id]
    assert field(draft, "limit").values == []
    with pytest.raises(SourceRejected):
        await desk.complete(opened)
    await desk.review(claim, "reopen")
    assert field(await desk.draft(opened), "limit").values == ["50000000.00"]


async def test_a_correction_changes_what_an_open_draft_says_and_no_completed_one(
    desk: Desk,
) -> None:
    claim = an_up_to()
    [opened] = await desk.file(claim)
    await desk.fill(opened)
    await desk.review(claim, "correct", value="40000000")
    assert field(await desk.draft(opened), "pot").values == ["40000000.00"]
    completed = await desk.complete(opened)
    await desk.review(claim, "correct", value="30000000")
    assert (await desk.programme()).pot == Money(40_000_000_000_000, "CNY")
    assert (await desk.draft(opened)).record == completed.record


async def test_a_seen_revision_that_is_old_changes_nothing(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    await desk.fill(opened, {"rate": ["50 %"]}, seen=1)
    with pytest.raises(StateConflict, match="revision 2, and 1 was seen"):
        await desk.fill(opened, {"rate": ["60 %"]}, seen=1)
    assert field(await desk.draft(opened), "rate").values == ["50.00 %"]


async def test_a_fill_is_replayed_and_its_id_is_good_for_nothing_else(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    same = uuid4()
    first = await desk.fill(opened, {"rate": ["50 %"]}, id=same)
    assert await desk.fill(opened, {"rate": ["50 %"]}, id=same) == first
    with pytest.raises(KeyReused):
        await desk.fill(opened, {"rate": ["60 %"]}, id=same)
    with pytest.raises(KeyReused):
        await desk.complete(opened, id=same)


async def test_a_withdrawn_draft_is_closed_and_takes_later_reports_without_opening(
    desk: Desk,
) -> None:
    claim = an_up_to()
    [opened] = await desk.file(claim)
    withdrawal = uuid4()
    first = await desk.withdraw(opened, id=withdrawal)
    assert first.state == "withdrawn"
    assert await desk.withdraw(opened, id=withdrawal) == first
    for attempt in (desk.fill(opened), desk.complete(opened), desk.withdraw(opened)):
        with pytest.raises(StateConflict, match="withdrawn by"):
            await attempt
    later = an_up_to("60000000", doc="two.txt")
    assert await desk.file(later, name="two.txt") == []
    again = await desk.open_from(later)
    assert again != opened
    assert (await desk.draft(again)).follows is None
    assert await audit(desk) == []


async def test_opening_from_a_claim_returns_the_open_draft_or_follows_the_completed_one(
    desk: Desk,
) -> None:
    claim = an_up_to()
    [opened] = await desk.file(claim)
    assert await desk.open_from(claim) == opened
    await desk.fill(opened)
    await desk.complete(opened)
    following = await desk.open_from(claim)
    assert (await desk.draft(following)).follows == opened
    assert await audit(desk) == []


async def test_nothing_comes_of_other_claims(desk: Desk) -> None:
    claim = a_claim("registered_models", "105", unit="count")
    assert await desk.file(claim) == []
    with pytest.raises(RequestInvalid, match="no draft comes from this claim"):
        await desk.open_from(claim)
    with pytest.raises(NotFound):
        await desk.open_from(a_claim("voucher_amount", "7", doc="nowhere.txt"))


async def test_records_of_filings_needs_and_funding_are_kept_for_registers_to_come(
    desk: Desk,
) -> None:
    opened = await desk.file(
        a_relation("org:orchard", "releases_open_source", "model:pear", start=1),
        a_claim("scenario_lists", "4", unit="count", start=10),
        a_claim(
            "funding_amount",
            "1000000000",
            subject="org:orchard",
            bound=Bound.MORE_THAN,
            start=20,
        ),
    )
    kinds = [(await desk.draft(each)).kind for each in opened]
    assert kinds == ["filing", "need", "funding"]
    for each in opened:
        draft = await desk.draft(each)
        fills = {
            name: ["unstated"] for name in draft.unknown if name not in ("title", "description")
        }
        words = {name: ["In words"] for name in draft.unknown if name not in fills}
        await desk.fill(each, fills | words)
        completed = await desk.complete(each, by=desk.auditor)
        assert (completed.state, completed.outcome) == ("completed", None)
        assert completed.record is not None
    funding = (await desk.draft(opened[2])).record
    assert funding is not None
    fields = funding["fields"]
    assert isinstance(fields, dict)
    assert fields["amounts"]["values"] == ["more than 1000000000 CNY"]
    assert fields["lead_investors"] == {
        "values": ["unstated"],
        "origin": "reviewed",
        "sources": [],
        "note": None,
    }
    assert await audit(desk) == []


async def test_a_limit_that_no_ledger_holds_is_shown_and_never_published(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to("9" * 30))
    with pytest.raises(DraftIncomplete) as refused:
        await desk.fill(opened)
        await desk.complete(opened)
    assert refused.value.facts["unknown"] == {"pot": "what may be granted in all: an amount"}
    await desk.fill(opened, {"pot": ["50000000"]})
    assert (await desk.complete(opened)).outcome == "compute-2026@1"


async def test_drafts_are_found_by_kind_state_and_the_last_digits_of_their_ids(
    desk: Desk,
) -> None:
    [programme] = await desk.file(an_up_to())
    [need] = await desk.file(
        a_claim("scenario_lists", "4", unit="count", doc="b.txt"), name="b.txt"
    )
    async with desk.database.transaction() as tx:
        assert [each.id for each in (await service.drafts(tx)).drafts] == [need, programme]
        assert [each.id for each in (await service.drafts(tx, kind="need")).drafts] == [need]
        assert (await service.drafts(tx, state="completed")).drafts == []
        page = await service.drafts(tx, limit=1)
        assert page.next_before is not None
        rest = await service.drafts(tx, before=page.next_before)
        assert [each.id for each in rest.drafts] == [programme]
        assert await service.resolve(tx, short(need)) == need
        for wrong in ("nothing", "0" * 12, str(uuid4())):
            with pytest.raises(NotFound):
                await service.draft(tx, wrong)


async def test_a_hundred_fills_of_one_field_are_refused_and_change_nothing(desk: Desk) -> None:
    [opened] = await desk.file(an_up_to())
    with pytest.raises(MainsError, match="too many values"):
        await desk.fill(opened, {"sites": [f"site-{number}" for number in range(101)]})
    assert (await desk.draft(opened)).revision == 1

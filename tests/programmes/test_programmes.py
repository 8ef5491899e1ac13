"""Publishing: versions, the pot, and what cannot change once it was promised."""

import asyncio
from uuid import uuid4

import psycopg
import pytest

from mains.clock import ManualClock
from mains.db import Database
from mains.errors import DocumentInvalid, ForeignOrganisation, KeyReused, NotFound
from mains.programmes import service
from tests.programmes.builders import DONGGUAN, City, a_city, a_text, yuan

pytestmark = pytest.mark.anyio


@pytest.fixture
async def city(database: Database, clock: ManualClock) -> City:
    return await a_city(database, clock)


async def test_publishing_appropriates_the_pot(city: City) -> None:
    published = await city.publish()
    assert (published.name, published.version) == ("dongguan-2025", 1)
    assert published.pot == published.available == yuan(50_000_000)
    assert published.committed == yuan(0)
    assert published.organisation == "programme-office"


async def test_the_same_document_is_no_new_version(city: City) -> None:
    first = await city.publish()
    assert await city.publish() == first
    assert await city.publish(f"# a remark\n{DONGGUAN}") == first


async def test_a_publication_sent_again_is_a_replay_also_after_a_newer_one(city: City) -> None:
    first_id = uuid4()
    first = await city.publish(id=first_id)
    second = await city.publish(a_text(percent="40 %"))
    assert second.version == 2
    assert (await city.publish(id=first_id)).version == first.version
    assert (await city.programme()).version == 2


async def test_an_idempotency_key_publishes_one_document(city: City) -> None:
    publication_id = uuid4()
    await city.publish(id=publication_id)
    with pytest.raises(KeyReused):
        await city.publish(a_text(pot="60000000"), id=publication_id)


async def test_ten_publications_at_once_make_one_version(city: City) -> None:
    published = await asyncio.gather(*(city.publish() for _ in range(10)))
    assert {each.version for each in published} == {1}
    assert (await city.programme()).available == yuan(50_000_000)


async def test_different_publications_at_once_become_versions_one_after_another(
    city: City,
) -> None:
    await city.publish()
    pots = [60_000_000, 70_000_000, 80_000_000, 90_000_000]
    published = await asyncio.gather(*(city.publish(a_text(pot=str(pot))) for pot in pots))
    assert sorted(each.version for each in published) == [2, 3, 4, 5]
    last = max(published, key=lambda each: each.version)
    assert (await city.programme()).available == last.pot


async def test_a_larger_pot_adds_the_difference_and_a_smaller_one_gives_it_back(
    city: City,
) -> None:
    await city.publish()
    await city.grant(yuan(1_000_000))
    larger = await city.publish(a_text(pot="60000000"))
    assert (larger.version, larger.available) == (2, yuan(59_000_000))
    smaller = await city.publish(a_text(pot="2000000"))
    assert (smaller.version, smaller.pot, smaller.available) == (
        3,
        yuan(2_000_000),
        yuan(1_000_000),
    )
    assert smaller.committed == yuan(1_000_000)


async def test_a_pot_smaller_than_what_is_committed_is_refused(city: City) -> None:
    await city.publish()
    await city.grant(yuan(1_000_000))
    with pytest.raises(DocumentInvalid, match=r"less than the 1000000\.00 CNY") as refused:
        await city.publish(a_text(pot="999999"))
    assert refused.value.facts["key"] == "pot"
    unchanged = await city.programme()
    assert (unchanged.version, unchanged.available) == (1, yuan(49_000_000))
    assert (await city.publish(a_text(pot="1000000"))).available == yuan(0)


@pytest.mark.parametrize(
    ("key", "value"),
    [("currency", "EUR"), ("time_zone", "Europe/Berlin"), ("period", "calendar_month")],
)
async def test_what_amounts_and_periods_mean_cannot_change(
    city: City, key: str, value: str
) -> None:
    await city.publish()
    with pytest.raises(DocumentInvalid, match="cannot become"):
        await city.publish(a_text(**{key: value}))


async def test_a_programmes_name_belongs_to_its_publisher(city: City) -> None:
    await city.publish()
    city.office = city.firm
    with pytest.raises(ForeignOrganisation):
        await city.publish(a_text(percent="100 %"))


async def test_every_version_can_be_read_for_ever(city: City) -> None:
    first = await city.publish()
    await city.publish(a_text(percent="40 %"))
    async with city.database.transaction() as tx:
        old = await service.programme(tx, "dongguan-2025", version=1)
        listed = await service.programmes(tx)
    assert old.document == first.document
    assert [(each.name, each.version) for each in listed] == [("dongguan-2025", 2)]


async def test_the_application_cannot_change_what_was_published(city: City) -> None:
    await city.publish()
    for statement in (
        "UPDATE programmes.version SET document = '{}'",
        "DELETE FROM programmes.version",
        "UPDATE programmes.voucher SET granted_micros = 1",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with city.database.transaction() as tx:
                await tx.execute(statement)


async def test_a_programme_or_version_that_is_not_there_is_not_found(city: City) -> None:
    await city.publish()
    async with city.database.transaction() as tx:
        with pytest.raises(NotFound, match="no programme other"):
            await service.programme(tx, "other")
        with pytest.raises(NotFound, match="v7"):
            await service.programme(tx, "dongguan-2025", version=7)


def test_a_pack_that_is_not_there_is_told_which_are() -> None:
    with pytest.raises(NotFound) as missing:
        service.pack("atlantis")
    assert "dongguan-2025" in missing.value.hint

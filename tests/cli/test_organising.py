"""The commands of those who organise and sell: parties, sites, programmes, money, the audit."""

from pathlib import Path

import pytest

from mains.cli.contexts import Context
from mains.cli.sites import leads_nowhere_else
from mains.ids import new_id, short
from mains.wire.ledger import DepositRequest
from mains.wire.parties import OrganisationRequest
from mains.wire.programmes import VoucherRequest
from mains.wire.sites import JoinToken, NewPrice, NewSite
from tests.cli.city import LOSE, City
from tests.cli.conftest import Mains
from tests.cli.doors import VOUCHER


def test_an_organisation_is_entered_with_attributes_that_rules_can_ask_for(
    mains: Mains, logged_in: Context, city: City
) -> None:
    ran = mains(
        *("org", "add", "vision", "--type", "firm", "--title", "松山湖视觉"),
        *("--attribute", "employees=120", "--attribute", "districts=[songshan-lake]"),
    )
    assert ran.code == 0, ran.err
    asked: OrganisationRequest = city.bodies[0]
    assert asked.attributes == {"employees": 120, "districts": ["songshan-lake"]}
    assert [each["name"] for each in mains("org", "list", "--json").json] == ["a", "b"]
    assert mains("org", "show", "vision").code == 0
    assert mains("org", "add", "Not A Name", "--type", "firm").code == 2
    assert mains("org", "add", "vision", "--type", "firm", "--attribute", "x").code == 2


def test_a_person_gets_a_key_that_is_shown_once_and_alone_on_standard_output(
    mains: Mains, logged_in: Context
) -> None:
    assert "owner of vision" in mains("org", "person", "vision", "wei", "--role", "owner").out
    ran = mains("key", "create", "--person", "wei", "--valid-days", "30")
    assert ran.out == "mains_abcdefgh_secret\n"
    assert "shown once" in ran.err
    assert "abcdefgh" in mains("key", "list").out
    assert "revoked" in mains("key", "revoke", "abcdefgh").out
    assert mains("key", "create", "--role", "emperor").code == 2


def test_a_site_is_added_from_options_or_from_a_document(
    mains: Mains, logged_in: Context, city: City, tmp_path: Path
) -> None:
    pool = "name=cpu,unit=cpu,units=8,cpus=8,memory=16GiB,price=0.40,currency=CNY,share=50"
    ran = mains("site", "add", "songshan", "--pool", pool, "--attribute", "city=dongguan")
    assert ran.code == 0, ran.err
    assert "mains-join-abcdefghijkl" in ran.out and "0.40 CNY" in ran.out
    document = tmp_path / "site.yaml"
    document.write_text(
        "name: binhai\npools:\n- {name: gpu, unit: h100, units: 8, cpus: 64, memory: 512GiB, "
        "price_per_unit_hour: 12.50, currency: CNY}\n"
    )
    assert mains("site", "add", "-", "--file", str(document)).code == 0

    first, second = city.bodies
    assert isinstance(first, NewSite) and isinstance(second, NewSite)
    assert first.attributes == {"city": "dongguan"}
    assert first.pools[0].host_share_percent == 50
    assert second.pools[0].price_per_unit_hour == "12.5"
    assert mains("site", "add", "x", "--pool", "colour=red").code == 2
    assert mains("site", "add", "x", "--pool", "name=cpu").code == 2


def test_sites_are_listed_drained_priced_and_given_tokens(
    mains: Mains, logged_in: Context, city: City
) -> None:
    assert "never joined" in mains("site", "list").out
    assert mains("site", "show", "songshan", "--json").json["name"] == "songshan"
    assert mains("site", "drain", "songshan").out == "songshan is draining.\n"
    assert mains("site", "undrain", "songshan").out == "songshan is active.\n"
    assert "mains-join-" in mains("site", "token", "songshan").out
    assert mains("site", "price", "songshan", "cpu", "0.35", "CNY").code == 0
    assert city.bodies == [NewPrice(price_per_unit_hour="0.35", currency="CNY")]
    pool = "name=cpu,unit=cpu,units=8,cpus=8,memory=16GiB,price=0.40,currency=CNY"
    assert "cpu" in mains("site", "pool", "songshan", "--pool", pool).out
    assert mains("site", "pool", "songshan").code == 2


def test_an_audit_that_is_not_clean_ends_with_one_and_names_the_rows(
    mains: Mains, logged_in: Context, city: City
) -> None:
    assert mains("audit").out == "The audit is clean: 1 invariants checked.\n"
    city.audit_clean = False
    ran = mains("audit")
    assert ran.code == 1
    assert "Money sums to zero." in ran.out and "CNY" in ran.out
    assert mains("audit", "--json").json["findings"][0]["rows"] == [{"unit": "CNY"}]


def test_a_programme_is_published_from_a_file_or_a_pack_once(
    mains: Mains, logged_in: Context, city: City, tmp_path: Path
) -> None:
    document = tmp_path / "dongguan.yaml"
    document.write_text("name: dongguan\ntitle: 东莞算力券\n")
    publication = new_id()
    city.answers_to_lose += [LOSE]

    ran = mains("programme", "publish", str(document), "--id", str(publication))
    assert ran.code == 0, ran.err
    assert "dongguan v1" in ran.out and "49000000.00 CNY" in ran.out
    assert city.bodies == [(publication, None, document.read_text())] * 2
    assert mains("programme", "publish", "--pack", "dongguan").code == 0
    assert city.bodies[-1][1:] == ("dongguan", "")
    assert mains("programme", "publish").code == 2


def test_programmes_and_packs_are_listed_and_shown(mains: Mains, logged_in: Context) -> None:
    assert len(mains("programme", "list", "--json").json) == 2
    assert "东莞算力券" in mains("programme", "list").out
    assert "title: 东莞算力券" in mains("programme", "show", "dongguan").out
    assert mains("programme", "show", "dongguan", "--version", "3", "--json").json["version"] == 3
    assert mains("programme", "packs").out == "dongguan\n"
    assert mains("programme", "packs", "dongguan").out == "name: dongguan\n"
    assert mains("programme", "packs", "atlantis").code == 4


def test_a_voucher_is_granted_once_and_found_by_its_last_digits(
    mains: Mains, logged_in: Context, city: City
) -> None:
    voucher = new_id()
    arguments = ("voucher", "grant", "dongguan", "vision", "1,000,000", "--tranche", "500000")
    city.answers_to_lose += [LOSE]
    ran = mains(*arguments, "--id", str(voucher), "--json")
    assert ran.code == 0, ran.err
    assert ran.json["id"] == str(voucher)
    asked: VoucherRequest = city.bodies[0]
    assert (asked.amount, asked.tranche) == ("1000000", "500000")
    assert mains("voucher", "grant", "dongguan", "vision", "1,5").code == 2

    assert short(VOUCHER) in mains("voucher", "list", "--granted").out
    assert mains("voucher", "show", short(VOUCHER), "--json").json["id"] == str(VOUCHER)
    assert mains("voucher", "show", "0123456789ab").code == 4
    assert mains("voucher", "show", "no-id-that-could-be").code == 2


def test_a_deposit_is_booked_once_under_its_id(
    mains: Mains, logged_in: Context, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit = new_id()
    city.answers_to_lose += [LOSE]
    ran = mains("deposit", "vision", "1,000.00", "CNY", "--id", str(deposit))
    assert ran.code == 0, ran.err
    assert "1000.00 CNY" in ran.out
    request = DepositRequest(amount="1000.00", currency="CNY")
    assert city.bodies == [(deposit, request)] * 2

    monkeypatch.setattr("mains.wire.connection.PAUSES_SECONDS", ())
    city.answers_to_lose += [LOSE]
    lost = mains("deposit", "vision", "1.00", "CNY")
    assert lost.code == 7
    assert f"--id {city.bodies[-1][0]}" in lost.err


def test_a_balance_shows_accounts_and_their_entries(mains: Mains, logged_in: Context) -> None:
    assert "997.00 CNY" in mains("balance").out
    assert mains("balance", "--json").json["organisation"] == "vision"
    assert "mains deposit empty" in mains("balance", "empty").out
    assert [each["seq"] for each in mains("balance", "--entries", "--json").json] == [2, 1]
    assert len(mains("balance", "--entries", "--limit", "1").out.splitlines()) == 2


@pytest.mark.parametrize(
    ("url", "nowhere_else"),
    [
        ("https://127.0.0.1:8443", True),
        ("https://city.example:8443", False),
        ("http://127.0.0.1:8080", False),
    ],
)
def test_a_token_that_leads_to_its_own_machine_alone_is_told(url: str, nowhere_else: bool) -> None:
    token = JoinToken(url=url, site="north", secret="s" * 43).encode()

    assert leads_nowhere_else(token) is nowhere_else
    assert not leads_nowhere_else(f"{token}newer")

"""`mains drafts` as an officer and a member type it, against a real server."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mains.ids import short
from tests.cli.conftest import Mains
from tests.cli.conftest import configuration as configuration
from tests.cli.conftest import mains as mains
from tests.reports.test_commands import Served
from tests.reports.test_commands import served as served

TEXT = (
    "Vales de computação para o setor\n\n"
    "Hefei vai conceder vales de computação no valor de até 20 milhões de yuans a empresas de "
    "software e universidades.\n"
)
FILLS = (
    *("name=compute-2026", "title=Compute vouchers", "limit_is=pot", "rate=50 %"),
    *("cap_per_organisation=none", "eligible=firm,university", "time_zone=Asia/Shanghai"),
    *("valid_from=2026-01-01", "valid_until=2027-12-31", "sites=any", "resources=any"),
    *("voucher_days=365", "tranche=none", "authority=city:hefei"),
)
OFFICER = ("--context", "officer")


@pytest.fixture
def draft(mains: Mains, served: Served, tmp_path: Path) -> str:
    """The draft that a report about vouchers opened."""
    report = tmp_path / "hefei.txt"
    report.write_text(TEXT)
    assert mains("read", str(report)).code == 0
    found = mains("drafts", "list", "--json").json
    return str(found[0]["id"])


def test_a_list_says_what_is_known_and_what_is_unknown(mains: Mains, draft: str) -> None:
    ran = mains("drafts", "list")
    assert ran.code == 0, ran.err
    assert short(UUID(draft)) in ran.out
    assert "limit 20000000.00" in ran.out
    assert "limit_is, pot" in ran.out
    assert mains("drafts", "list", "--state", "completed").out == (
        "No drafts. next: mains read FILE\n"
    )
    assert mains("drafts", "list", "--kind", "wish").code == 2


def test_show_tells_values_sources_and_how_to_fill_the_rest(mains: Mains, draft: str) -> None:
    ran = mains("drafts", "show", short(UUID(draft)))
    assert ran.code == 0, ran.err
    assert "stated as up to 20000000 CNY, planned" in ran.out
    assert "hefei.txt" in ran.out
    assert "the share of a charge that a voucher pays" in ran.out
    assert "next: mains drafts fill" in ran.out


def test_a_draft_is_filled_and_completed_from_the_command_line(mains: Mains, draft: str) -> None:
    early = mains("drafts", "complete", draft, *OFFICER)
    assert early.code == 5
    assert "error [draft_incomplete]" in early.err
    assert 'rate: the share of a charge that a voucher pays: such as "50 %"' in early.err
    filled = mains("drafts", "fill", draft, *FILLS, *OFFICER)
    assert filled.code == 0, filled.err
    assert "Nothing is unknown. next: mains drafts complete" in filled.out
    done = mains("drafts", "complete", draft, *OFFICER)
    assert done.code == 0, done.err
    assert "The programme compute-2026 v1 is published." in done.out
    assert mains("programme", "show", "compute-2026").code == 0
    twice = mains("drafts", "complete", draft, *OFFICER)
    assert (twice.code, "state_conflict" in twice.err) == (5, True)


def test_fields_come_from_a_file_and_from_standard_input(
    mains: Mains, draft: str, tmp_path: Path
) -> None:
    fields = tmp_path / "fields.yaml"
    fields.write_text("rate: 12.5 %\neligible: [firm, university]\npot: 30,000,000\n")
    ran = mains("drafts", "fill", draft, "--from", str(fields), "voucher_days=90", *OFFICER)
    assert ran.code == 0, ran.err
    assert "12.50 %" in ran.out and "firm, university" in ran.out and "30000000.00" in ran.out
    taken = mains("drafts", "fill", draft, "--from", "-", *OFFICER, given="rate: null\n")
    assert "12.50 %" not in taken.out
    assert mains("drafts", "fill", draft, "--from", "-", *OFFICER, given="[1]").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Nothing to fill"),
        (("rate",), "is no NAME=VALUE"),
        (("Rate=50",), "can't be sent"),
        (("rates=50",), "did you mean `rate`"),
        (("rate=half",), "`rate`: write a percentage"),
        (("pot=1,000,000,000,000,000,000,000",), "larger than this ledger can hold"),
    ],
)
def test_what_cannot_be_filled_is_told_by_name(
    mains: Mains, draft: str, arguments: tuple[str, ...], said: str
) -> None:
    ran = mains("drafts", "fill", draft, *arguments, *OFFICER)
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_a_member_is_refused_and_a_retry_is_a_replay(mains: Mains, draft: str) -> None:
    refused = mains("drafts", "fill", draft, "rate=50", "--context", "member")
    assert (refused.code, "role_missing" in refused.err) == (3, True)
    once = ("drafts", "fill", draft, "rate=50", "--id", str(uuid4()), "--json", *OFFICER)
    assert mains(*once).json == mains(*once).json
    stale = mains("drafts", "withdraw", draft, "--seen", "1", *OFFICER)
    assert (stale.code, "revision 2, and 1 was seen" in stale.err) == (5, True)


def test_a_withdrawn_draft_is_opened_again_from_its_claim(mains: Mains, draft: str) -> None:
    shown = mains("drafts", "show", draft, "--json").json
    [limit] = [each for each in shown["fields"] if each["name"] == "limit"]
    withdrawn = mains("drafts", "withdraw", draft, "--note", "no such plan", *OFFICER)
    assert (withdrawn.code, "is withdrawn" in withdrawn.out) == (0, True)
    again = mains("drafts", "open", limit["statements"][0]["source"], "--json", *OFFICER)
    assert again.json["id"] != draft
    assert again.json["state"] == "open"


def test_a_claim_is_shown_beside_the_live_figure(mains: Mains, draft: str) -> None:
    found = mains("claims", "list", "--measure", "voucher_amount", "--json").json
    ran = mains("claims", "show", found[0]["id"])
    assert ran.code == 0, ran.err
    assert "none yet: granted by the programmes of this platform, since it began" in ran.out

"""The demonstration's second act: what reports say of cities, and a programme made of it.

REPORTS=folder has further reports read beside the repository's own.
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from mains.daemon.demo_shell import EXAMPLES, Shell, say

TEXTS: Final = EXAMPLES / "reports" / "texts"
ARTICLES: Final = frozenset({".txt", ".html", ".htm", ".pdf"})
COMPARED: Final = (
    ("city:hangzhou", "registered_models"),
    ("city:shenzhen", "registered_models"),
    ("city:hefei", "ai_companies"),
)
AUTHORITY: Final = "city:hefei"
PROGRAMME: Final = "hefei-compute"
LIMIT: Final = "20000000.00"
INCOMPLETE_CODE: Final = 5
RATE_PERCENT: Final = 60
VOUCHER: Final = "25.00"
FIRM: Final = "lantern-robotics"
OFFICE: Final = ("--context", "administrator")


def reports(shell: Shell) -> dict[str, Any]:
    """Read reports, compare cities, and bring a voucher claim to a quote; return the figures."""
    read(shell)
    compare(shell)
    draft = opened(shell)
    completed(shell, draft)
    quoted(shell)
    return {**figures(shell), "draft": draft}


def read(shell: Shell) -> None:
    say("Second act. Reports in eight languages become claims, each with its sentence.")
    shell.type("read", str(TEXTS), *OFFICE)
    if further := shell.environment.get("REPORTS"):
        shell.type("read", *articles(Path(further)), *OFFICE)
    again = shell.ask("read", str(TEXTS), *OFFICE)
    assert all(each["replayed"] for each in again), "a report that was read is not read again"
    languages = {code for each in again for code in each["document"]["languages"]}
    assert languages == {"de", "en", "es", "fr", "it", "pt", "ru", "zh"}, languages


def compare(shell: Shell) -> None:
    say("Cities compared. Nothing is overwritten: what updates, agrees or conflicts says why.")
    views = {}
    for city, measure in COMPARED:
        shell.type("claims", "view", city, measure, *OFFICE)
        views[city] = shell.ask("claims", "view", city, measure, *OFFICE)
    assert views["city:hangzhou"]["superseded"], "81 models came after 72"
    assert views["city:hefei"]["state"] == "contested", views["city:hefei"]["state"]
    assert views["city:hefei"]["conflicts"], "640 and 655 firms at one time can't both be right"
    shell.type("claims", "edges", "--relation", "conflict", *OFFICE)
    edges = shell.ask("claims", "edges", *OFFICE)
    assert all(each["reason"] for each in edges), "every edge says why"
    relations = {each["relation"] for each in edges}
    wanted = {"same", "update", "conflict", "conversion", "headline_drift", "compatible_bounds"}
    assert wanted <= relations, wanted - relations


def opened(shell: Shell) -> str:
    say("What reports say of vouchers, models, scenarios and rounds opened drafts.")
    shell.type("drafts", "list", *OFFICE)
    found = shell.ask("drafts", "list", *OFFICE)
    kinds = {each["kind"] for each in found}
    assert kinds == {"programme", "filing", "need", "funding"}, kinds
    programmes = [each for each in found if each["kind"] == "programme"]
    (draft,) = (each for each in programmes if values(each, "authority") == [AUTHORITY])
    shell.type("drafts", "show", draft["id"], *OFFICE)
    assert (values(draft, "limit"), values(draft, "rate")) == ([LIMIT], []), draft
    assert draft["state"] == "open" and "rate" in draft["unknown"], draft
    return str(draft["id"])


def completed(shell: Shell, draft: str) -> None:
    say("It takes no effect before a review fills what the reports leave unknown.")
    answer = shell.type("drafts", "complete", draft, *OFFICE, code=INCOMPLETE_CODE)
    assert "draft_incomplete" in answer and "rate" in answer, answer
    year = datetime.now(UTC).year
    shell.type(
        *("drafts", "fill", draft, f"name={PROGRAMME}", "title=Compute vouchers of Hefei"),
        *("limit_is=pot", f"rate={RATE_PERCENT} %", "cap_per_organisation=none", "eligible=firm"),
        *(f"valid_from={year}-01-01", f"valid_until={year + 1}-12-31", "time_zone=Asia/Shanghai"),
        *("sites=any", "resources=any", "voucher_days=180", "tranche=none"),
        *("--note", "rules as agreed with the office of Hefei", *OFFICE),
    )
    shell.type("drafts", "complete", draft, *OFFICE)
    shell.type("programme", "show", PROGRAMME, *OFFICE)
    published = shell.ask("programme", "show", PROGRAMME, *OFFICE)
    assert published["pot"] == {"amount": LIMIT, "currency": "CNY"}, published
    assert published["source"].startswith("reports: pt-1.txt"), published["source"]


def quoted(shell: Shell) -> None:
    say("A voucher under the new programme, and a job quoted with its share.")
    shell.type("voucher", "grant", PROGRAMME, FIRM, VOUCHER, *OFFICE)
    job = str(EXAMPLES / "digits" / "job.yaml")
    shell.type("quote", job)
    quote = shell.ask("quote", job)
    paid = {each["programme"]: Decimal(each["most"]["amount"]) for each in quote["payers"]}
    ceiling = Decimal(quote["ceiling"]["amount"])
    share = ceiling * RATE_PERCENT / 100
    assert abs(paid[PROGRAMME] - share) < Decimal("0.000001"), quote["payers"]


def figures(shell: Shell) -> dict[str, Any]:
    """Return how much was read, and how much of it waits for a review."""
    shell.type("claims", "queue", *OFFICE)
    limit = ("--limit", "1000000", *OFFICE)
    return {
        "claims": len(shell.ask("claims", "list", *limit)),
        "edges": len(shell.ask("claims", "edges", *limit)),
        "queue": len(shell.ask("claims", "queue", *limit)),
    }


def articles(folder: Path) -> list[str]:
    """Return the articles of a folder; what else lies there is not read as one."""
    found = [str(each) for each in sorted(folder.rglob("*")) if each.suffix in ARTICLES]
    assert found, f"REPORTS={folder} has no articles ({', '.join(sorted(ARTICLES))})"
    return found


def values(draft: dict[str, Any], name: str) -> list[str]:
    """Return what a draft knows of a field."""
    (field,) = (each for each in draft["fields"] if each["name"] == name)
    return list(field["values"])

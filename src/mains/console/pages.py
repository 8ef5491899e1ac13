"""Pages as HTML: what each of them shows, put into its template."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from mains.console.catalogue import PREFERRED, catalogues
from mains.console.interface import Interface
from mains.console.names import name_of
from mains.console.timeline import Chart, charts
from mains.reports.public import Counted, MeasureShown, Search, Shown, SubjectList, Totals
from mains.reports.values import Edge, EdgeKind

TRIM = " \t\r\n\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}"


@dataclass(frozen=True, slots=True)
class Marked:
    """A sentence cut at its quote, without blank edges."""

    before: str
    quote: str
    after: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two claims that contradict each other, and why."""

    edge: Edge
    a: Shown
    b: Shown


@dataclass(frozen=True, slots=True)
class Related:
    """An edge of one claim, and the claim at its other end."""

    edge: Edge
    other: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the overview may be filtered by."""

    measures: Sequence[Counted]
    languages: Sequence[Counted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """How many of something are shown up to now, and where the next ones begin."""

    found: int
    following: int | None


@cache
def environment() -> Environment:
    """Return the templates: everything is escaped, and a name that is missing is a bug."""
    made = Environment(
        loader=PackageLoader("mains.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["marked"] = marked
    made.globals["conflicts_of"] = conflicts_of
    made.globals["charts_of"] = charts_of
    made.globals["by_id"] = by_id
    made.filters["told"] = told
    return made


def render(template: str, ui: Interface, **context: object) -> str:
    """Fill a template."""
    return environment().get_template(template).render(ui=ui, **context)


def overview(
    ui: Interface,
    *,
    totals: Totals,
    filters: Filters,
    search: Search,
    found: SubjectList,
    pager: Pager,
) -> str:
    """Return the page of all subjects."""
    return render(
        "overview.html",
        ui,
        totals=totals,
        filters=filters,
        search=search,
        found=found,
        pager=pager,
        path="/reports",
    )


def found_subjects(ui: Interface, *, search: Search, found: SubjectList, pager: Pager) -> str:
    """Return the part of the overview that a search changes."""
    return render("_found.html", ui, search=search, found=found, pager=pager)


def marked(shown: Shown) -> Marked:
    """Return the sentence cut at the quote."""
    before = shown.sentence[: shown.mark_start].lstrip(TRIM)
    after = shown.sentence[shown.mark_end :].rstrip(TRIM)
    return Marked(before, shown.sentence[shown.mark_start : shown.mark_end], after)


def by_id(claims: Sequence[Shown]) -> Mapping[str, Shown]:
    """Return claims by their ids."""
    return {each.claim.id: each for each in claims}


def conflicts_of(measure: MeasureShown) -> Sequence[Conflict]:
    """Return the contradictions between claims of a measure that are on the page."""
    known = by_id(measure.claims)
    return [
        Conflict(edge, known[edge.a], known[edge.b])
        for edge in measure.view.conflicts
        if edge.a in known and edge.b in known
    ]


def charts_of(ui: Interface, measure: MeasureShown) -> Sequence[Chart]:
    """Return the time lines of a measure, one per unit."""
    return charts(measure.claims, ui.figures)


def told(reason: str, claims: Sequence[Shown]) -> str:
    """Return a reason with documents, subjects and measures called as people call them.

    Reasons are English, and so are these names. A measure of one word stays: it may be any word.
    """
    for each in claims:
        claim = each.claim
        reason = reason.replace(claim.doc, each.publisher or each.title or each.document)
        if claim.subject and ":" in claim.subject:
            reason = reason.replace(
                claim.subject, name_of(claim.subject, PREFERRED, otherwise=PREFERRED)
            )
        if claim.measure and "_" in claim.measure:
            called = catalogues()[PREFERRED].measure(claim.measure)
            written = called.replace("\\", r"\\")
            reason = re.sub(rf"\b{re.escape(claim.measure)}\b", written, reason)
    return reason


def related(claim_id: str, edges: Sequence[Edge], others: Sequence[Shown]) -> Sequence[Related]:
    """Return the edges of a claim with their other ends, contradictions first."""
    known = by_id(others)
    ends = [(edge, edge.b if edge.a == claim_id else edge.a) for edge in edges]
    found = [Related(edge, known[end]) for edge, end in ends if end in known]
    return sorted(found, key=lambda each: each.edge.relation is not EdgeKind.CONFLICT)


def etag_of(page: str) -> str:
    """Return the entity tag of a page: the same page always has the same one."""
    return f'"{hashlib.sha256(page.encode()).hexdigest()[:32]}"'

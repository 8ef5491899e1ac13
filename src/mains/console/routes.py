"""The public pages of reports: no key, no cookie, no script but the console's own."""

from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from mains.console import pages
from mains.console.beside import EXPORTS, FORMATS, Asked, beside, feeds
from mains.console.catalogue import Catalogue, choose
from mains.console.interface import Interface
from mains.console.kept import Kept
from mains.console.names import all_names, named
from mains.console.static_files import PREFIX, static_files
from mains.db import Transaction
from mains.parties.door import NowDependency, TransactionDependency
from mains.reports import public
from mains.reports.door import ReportsWiredDependency
from mains.wire.base import TEXT_PATTERN

SUBJECTS_PAGE: Final = 24
SUBJECTS_OFFSET_MAX: Final = 10_000
MEASURES_PAGE: Final = 8
CLAIMS_PER_MEASURE: Final = 200
RELATED_MAX: Final = 200
EXPORTED_MAX: Final = 2_000
SEARCH_MAX: Final = 100

PAGE_CACHE: Final = "public, max-age=30"
FOREVER: Final = "public, max-age=31536000, immutable"
"""An address with a hash never changes what it holds."""

SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

router: Final = APIRouter(tags=["console"], include_in_schema=False)

Words = Annotated[str, Query(max_length=SEARCH_MAX, pattern=TEXT_PATTERN)]
Offset = Annotated[int, Query(alias="from", ge=0, le=SUBJECTS_OFFSET_MAX)]
ClaimPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


def install(app: FastAPI) -> None:
    """Put the pages into an application."""
    app.state.kept = Kept()
    app.include_router(router)


async def _interface(
    request: Request, lang: Annotated[str | None, Query(max_length=35)] = None
) -> Interface:
    """Return the interface; the first one reads catalogues, names and files, in a thread."""
    accepted = request.headers.get("accept-language", "")
    chosen = await run_in_threadpool(_chosen, lang, accepted)
    return Interface(chosen, asked=chosen.code if lang else None)


def _chosen(asked: str | None, accepted: str) -> Catalogue:
    all_names()
    static_files()
    return choose(asked, accepted)


async def _kept(request: Request) -> Kept:
    kept = request.app.state.kept
    assert isinstance(kept, Kept)
    return kept


KeptDependency = Annotated[Kept, Depends(_kept)]


InterfaceDependency = Annotated[Interface, Depends(_interface)]


@router.get("/")
@router.get("/reports")
async def overview(
    request: Request,
    ui: InterfaceDependency,
    tx: TransactionDependency,
    kept: KeptDependency,
    now: NowDependency,
    q: Words = "",
    measure: Words = "",
    language: Words = "",
    offset: Offset = 0,
) -> Response:
    """Show all subjects, or those that a search finds; to htmx, only what the search changes."""
    text = q.strip()
    search = public.Search(
        text=text,
        named=tuple(await run_in_threadpool(named, text)) if text else (),
        measure=measure or None,
        language=language or None,
    )
    found = await kept.get(
        (search, offset),
        lambda: public.subjects(tx, search, limit=SUBJECTS_PAGE, offset=offset),
        now=now,
    )
    shown = offset + len(found.subjects)
    pager = pages.Pager(found=found.found, following=shown if shown < found.found else None)
    if _is_part(request):
        return _answer(request, pages.found_subjects(ui, search=search, found=found, pager=pager))
    page = pages.overview(
        ui,
        totals=await kept.get("totals", lambda: public.totals(tx), now=now),
        filters=pages.Filters(
            measures=await kept.get("measures", lambda: public.measures(tx), now=now),
            languages=await kept.get("languages", lambda: public.languages(tx), now=now),
        ),
        search=search,
        found=found,
        pager=pager,
    )
    return _answer(request, page)


@router.get("/reports/subjects/{subject_id:path}")
async def subject(
    request: Request,
    ui: InterfaceDependency,
    tx: TransactionDependency,
    subject_id: Annotated[str, Path(max_length=200, pattern=TEXT_PATTERN)],
    now: NowDependency,
    measure: Words = "",
    offset: Offset = 0,
) -> Response:
    """Show one subject: its measures with claims, live figures, time lines and what stands now."""
    found = await public.subject(tx, subject_id)
    if found is None:
        return _nothing(request, ui)
    wanted = [each for each in found.measures if measure in ("", each.name)]
    page = wanted[offset : offset + MEASURES_PAGE]
    shown = await public.measures_of(tx, subject_id, page, claims_max=CLAIMS_PER_MEASURE)
    following = offset + len(page)
    html = pages.render(
        "_measures.html" if _is_part(request) else "subject.html",
        ui,
        subject=found,
        shown=shown,
        only=measure,
        following=following if following < len(wanted) else None,
        rest=len(wanted) - following,
        live=await beside(tx, page, now=now),
        feeds=feeds(subject_id),
        path=f"/reports/subjects/{quote(subject_id, safe=':')}",
    )
    return _answer(request, html)


@router.get("/reports/claims/{claim_id}")
async def claim(
    request: Request,
    ui: InterfaceDependency,
    tx: TransactionDependency,
    wired: ReportsWiredDependency,
    claim_id: ClaimPath,
) -> Response:
    """Show one claim at its span between its neighbours, with what it relates to."""
    found = await public.claims(tx, [claim_id])
    if not found:
        return _nothing(request, ui)
    context = await public.around(wired.shelf.contents, found[0])
    return await _claim(request, ui, tx, found[0], template="claim.html", context=context)


@router.get("/reports/claims/{claim_id}/edges")
async def claim_edges(
    request: Request, ui: InterfaceDependency, tx: TransactionDependency, claim_id: ClaimPath
) -> Response:
    """Show what a claim relates to, as the part of a page that unfolds."""
    found = await public.claims(tx, [claim_id])
    if not found:
        return _nothing(request, ui)
    return await _claim(request, ui, tx, found[0], template="_edges.html")


@router.get(EXPORTS + "/{name}")
async def export(
    request: Request,
    ui: InterfaceDependency,
    tx: TransactionDependency,
    name: str,
    subject: Annotated[str, Query(max_length=200, pattern=TEXT_PATTERN)],
) -> Response:
    """Return a subject's newest claims in an open format."""
    if name not in FORMATS:
        return _nothing(request, ui)
    cited = await public.cited(tx, subject, limit=EXPORTED_MAX)
    page = f"{str(request.base_url).rstrip('/')}/reports/subjects/{quote(subject, safe=':')}"
    asked = Asked(subject=subject, address=str(request.url), page=page)
    text = await run_in_threadpool(FORMATS[name].write, cited, asked)
    return _answer(request, text, media_type=FORMATS[name].media_type)


@router.get(PREFIX + "/{digest}/{name}")
async def static(request: Request, digest: str, name: str) -> Response:
    """Send a file of the pages; an address that was never given out is nothing."""
    file = static_files().get(name)
    if file is None or file.address != f"{PREFIX}/{digest}/{name}":
        return Response(status_code=404, headers=dict(SECURITY))
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**SECURITY, "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(
        file.gzipped if zipped else file.content, media_type=file.media_type, headers=headers
    )


async def _claim(
    request: Request,
    ui: Interface,
    tx: Transaction,
    shown: public.Shown,
    *,
    template: str,
    **context: object,
) -> Response:
    claim_id = shown.claim.id
    edges = (await public.edges(tx, [claim_id]))[:RELATED_MAX]
    ends = {end for edge in edges for end in (edge.a, edge.b)} - {claim_id}
    others = await public.claims(tx, sorted(ends))
    html = pages.render(
        template,
        ui,
        shown=shown,
        related=pages.related(claim_id, edges, others),
        path=f"/reports/claims/{claim_id}",
        **context,
    )
    return _answer(request, html)


def _is_part(request: Request) -> bool:
    """Whether htmx asks for a part; what it restores from its history is a whole page."""
    headers = request.headers
    return "hx-request" in headers and "hx-history-restore-request" not in headers


def _answer(request: Request, text: str, *, media_type: str = "text/html") -> Response:
    tag = pages.etag_of(text)
    headers = {
        **SECURITY,
        "Cache-Control": PAGE_CACHE,
        "ETag": tag,
        "Vary": "Accept-Language, HX-Request, HX-History-Restore-Request",
    }
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type=media_type, headers=headers)


def _nothing(request: Request, ui: Interface) -> Response:
    html = pages.render("nothing.html", ui, path=request.url.path)
    return HTMLResponse(html, status_code=404, headers={**SECURITY, "Cache-Control": "no-store"})

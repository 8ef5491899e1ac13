"""What a reader without a key is shown, and what nobody can make the pages do."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from urllib.parse import quote

import orjson
import pytest

from mains.console.catalogue import catalogues
from mains.console.routes import SECURITY
from mains.console.static_files import static_files
from tests.console.builders import Report, Said, enter, open_library, relate
from tests.console.conftest import Site
from tests.console.library import CITY, OTHER, a_library

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"


OWN_PICTURES = {static_files()["icon.svg"].address}


class Tags(HTMLParser):
    """The tags of a page with their attributes, as a browser parses them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    @classmethod
    def of(cls, page: str) -> list[tuple[str, dict[str, str | None]]]:
        parser = cls()
        parser.feed(page)
        return parser.found


def text_of(html: str) -> str:
    """Return what a page says, without its tags and with single spaces."""
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


@pytest.fixture
async def library(site: Site) -> dict[str, Report]:
    return await a_library(site.database)


@pytest.fixture
async def hostile(site: Site) -> Report:
    subject = f"org:{HOSTILE}"
    report = Report(
        name=f"{HOSTILE}.txt",
        language="en",
        title=HOSTILE,
        publisher=HOSTILE,
        published=HOSTILE,
        url="javascript:alert(3)",
        sentences=[
            (f"Here are 12 {HOSTILE} models.", [said(subject, "12")]),
            (f"Now there are 15 {HOSTILE} of them.", [said(subject, "15")]),
        ],
    )
    await open_library(site.database, report)
    async with site.database.transaction() as tx:
        await relate(tx, report.ids["12"], report.ids["15"], "conflict", HOSTILE)
    return report


def said(subject: str, figure: str) -> Said:
    return Said(
        figure,
        subject,
        "registered_models",
        figure,
        scope=HOSTILE,
        speaker=HOSTILE,
        unit=HOSTILE[:9],
    )


async def _pages(site: Site, *claims: str) -> AsyncIterator[tuple[str, str]]:
    paths = ["/", "/reports", f"/reports?q={CITY}", f"/reports/subjects/{CITY}"]
    for claim in claims:
        paths += [f"/reports/claims/{claim}", f"/reports/claims/{claim}/edges"]
    for path in paths:
        yield path, await site.page(path)


async def test_an_empty_library_says_so(site: Site) -> None:
    page = text_of(await site.page("/?lang=en"))
    assert "No public report has been read yet" in page
    assert (await site.client.get("/reports/subjects/city:beijing")).status_code == 404


async def test_the_overview_counts_and_lists_subjects(
    site: Site, library: dict[str, Report]
) -> None:
    page = text_of(await site.page("/reports?lang=en"))
    assert "Documents6 Subjects3 Claims19 Conflicts1 Waiting for review0" in page
    assert "Beijing City16 claims1 conflict" in page
    assert "Vouchers 1" in page
    assert await site.page("/?lang=en") == await site.page("/reports?lang=en")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=pequim", ["Beijing"]),
        ("q=深圳", ["Shenzhen"]),
        ("q=harbour", ["Harbour Assistant"]),
        ("q=nowhere", []),
        ("q=%25", []),
        ("q=_", []),
        ("measure=power_capacity", ["Shenzhen"]),
        ("language=ru", ["Beijing"]),
        ("measure=users&language=de", []),
    ],
)
async def test_subjects_are_found_by_any_name_measure_and_language(
    site: Site, library: dict[str, Report], query: str, found: list[str]
) -> None:
    part = await site.page(f"/reports?lang=en&{query}", **{"HX-Request": "true"})
    assert "<html" not in part
    assert re.findall(r"<h2><a [^>]*>([^<]*)</a>", part) == found


async def test_a_subject_shows_claims_with_their_quote_marked_in_its_sentence(
    site: Site, library: dict[str, Report]
) -> None:
    page = await site.page(f"/reports/subjects/{CITY}?lang=de&measure=registered_models")
    assert 'lang="ru"><p>По данным управления, в 2025 году в городе зарегистрированы ' in page
    assert "<mark>183</mark> модели.</p>" in page
    assert "laut <bdi>управление</bdi>" in page
    assert "Peking" in page
    assert "mehr als 180" in page
    said_here = text_of(page)
    assert "Quellen widersprechen einander 183 2025 · Портовый вестник" in said_here
    assert "both exact, both for 2025" in said_here
    assert "Das Register, das dies zählen würde, wird hier noch nicht geführt." in said_here


async def test_a_subject_has_a_time_line_and_the_same_as_a_table(
    site: Site, library: dict[str, Report]
) -> None:
    page = await site.page(f"/reports/subjects/{CITY}?lang=en&measure=registered_models")
    [drawing] = re.findall(r'data-chart="([^"]*)"', page)
    chart = orjson.loads(drawing.replace("&#34;", '"').replace("&#39;", "'"))
    assert len(chart["marks"]) == 8
    assert {mark["bound"] for mark in chart["marks"]} == {
        "exact",
        "about",
        "at_least",
        "more_than",
    }
    assert sum(mark["first"] is None for mark in chart["marks"]) == 1
    assert page.count("<tr><td>") == 8


async def test_live_figures_stand_beside_or_a_word_why_there_are_none(
    site: Site, library: dict[str, Report]
) -> None:
    city = text_of(await site.page(f"/reports/subjects/{CITY}?lang=en&measure=growth_rate"))
    assert "This can only be cited. No register can count it." in city
    other = text_of(await site.page(f"/reports/subjects/{OTHER}?lang=en&measure=voucher_amount"))
    assert "Nothing has been counted here yet." in other
    users = text_of(await site.page("/reports/subjects/app:harbour-assistant?lang=en"))
    assert "Live here 1 People entered on this platform" in users


async def test_edges_unfold_with_their_reasons(site: Site, library: dict[str, Report]) -> None:
    claim = library["vestnik.txt"].ids["183"]
    part = await site.page(f"/reports/claims/{claim}/edges?lang=en")
    assert "<html" not in part
    said_here = text_of(part)
    assert said_here.startswith("195 contradicts it")
    assert "more than 180 is less exact 2025 the exact count" in said_here
    assert "about 190 fits together with it" in said_here


async def test_a_claim_has_its_sentence_and_the_neighbours_of_that_alone(site: Site) -> None:
    sentences = [f"In {year} the city had {year - 1900} models." for year in range(2020, 2025)]
    claimed = [
        (sentence, [Said(sentence[-11:-8], CITY, "registered_models", sentence[-11:-8])])
        for sentence in sentences
    ]

    async def opened() -> AsyncIterator[bytes]:
        text = " ".join(sentences)
        block = {"kind": "body", "language": "en", "start": 0, "end": len(text)}
        yield orjson.dumps({"text": text, "blocks": [block]})

    stored = await site.wired.shelf.contents.put(opened(), expected=None, bytes_max=10_000)
    report = Report("kept.txt", "en", claimed, opened_sha256=stored.sha256)
    await open_library(site.database, report)
    page = text_of(await site.page(f"/reports/claims/{report.ids['122']}?lang=en"))
    assert f"{sentences[1]} {sentences[2]} {sentences[3]}" in page
    assert sentences[0] not in page
    assert sentences[4] not in page


async def test_a_claim_of_a_text_that_is_not_kept_has_its_sentence(
    site: Site, library: dict[str, Report]
) -> None:
    report = library["gazette.txt"]
    page = text_of(await site.page(f"/reports/claims/{report.ids['at least 300']}?lang=en"))
    assert "Registered models at least 300" in page
    assert report.sentences[1][0] in page
    assert report.sentences[0][0] not in page


async def test_what_is_private_queued_rejected_or_repeated_is_not_shown(site: Site) -> None:
    secret = Said("77", CITY, "registered_models", "77")
    waiting = Said("66", CITY, "registered_models", "66", status="queued")
    unbound = Said("55", None, None, "55", status="queued")
    neutral = Said("2031", CITY, "reference_period", "2031", unit="date")
    shown = Said("44", CITY, "registered_models", "44")
    repeated = Said("44", CITY, "registered_models", "44", period="2025")
    private = Report("private.txt", "en", [("They keep 77 models.", [secret])], public=False)
    public = Report(
        "public.txt",
        "en",
        [
            ("They say 66 models and 55 more in 2031.", [waiting, unbound, neutral]),
            ("They have 44 models.", [shown]),
        ],
    )
    copy = Report("copy.txt", "en", [("They have 44 models, all said.", [repeated])])
    await open_library(site.database, private, public, copy)
    async with site.database.transaction() as tx:
        await relate(tx, private.ids["77"], public.ids["44"], "conflict", "they differ")
        await tx.execute(
            "UPDATE reports.standing SET duplicate_of = %s WHERE claim_id = %s",
            (public.ids["44"], copy.ids["44"]),
        )
    pages = {path: text_of(page) async for path, page in _pages(site, public.ids["44"])}
    assert not any("77" in page for page in pages.values())
    assert not any("They say" in page or "all said" in page for page in pages.values())
    overview = text_of(await site.page("/reports?lang=en"))
    assert "Documents2 Subjects1 Claims1 Conflicts0 Waiting for review2" in overview
    assert "Also in syndicated copies: 1" in pages[f"/reports/subjects/{CITY}"]
    for report, figure in ((private, "77"), (public, "66"), (public, "2031"), (copy, "44")):
        answer = await site.client.get(f"/reports/claims/{report.ids[figure]}")
        assert answer.status_code == 404, figure


async def test_a_hostile_report_is_only_ever_text(site: Site, hostile: Report) -> None:
    subject = quote(f"org:{HOSTILE}", safe="")
    paths = [
        "/reports",
        f"/reports?q={quote(HOSTILE[:40], safe='')}",
        f"/reports/subjects/{subject}",
    ]
    for claim in hostile.ids.values():
        paths += [f"/reports/claims/{claim}", f"/reports/claims/{claim}/edges"]
    for path in paths:
        page = await site.page(path)
        assert "&lt;script&gt;" in page.lower(), "the words of the report are there, as words"
        tags = Tags.of(page)
        assert all(attributes.get("src") for tag, attributes in tags if tag == "script")
        assert {attributes["src"] for tag, attributes in tags if tag == "img"} <= OWN_PICTURES
        names = {name for _, attributes in tags for name in attributes}
        assert not [name for name in names if name.startswith("on")]
        links = [attributes["href"] for tag, attributes in tags if tag == "a"]
        assert all(link and link.startswith(("/reports", "#", "/v1/")) for link in links)


async def test_every_answer_allows_only_what_comes_from_here(
    site: Site, library: dict[str, Report]
) -> None:
    claim = library["vestnik.txt"].ids["183"]
    for path in ("/", f"/reports/subjects/{CITY}", f"/reports/claims/{claim}", "/reports/claims/0"):
        answer = await site.client.get(path)
        if answer.status_code == 422:
            continue
        for name, value in SECURITY.items():
            assert answer.headers[name] == value
        assert "set-cookie" not in answer.headers
    policy = SECURITY["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


async def test_pages_hold_no_script_or_style_of_their_own_and_no_address_elsewhere(
    site: Site, library: dict[str, Report]
) -> None:
    async for path, page in _pages(site, library["vestnik.txt"].ids["183"]):
        assert re.findall(r"<script(?![^>]*\ssrc=)", page) == [], path
        assert re.findall(r"<style|\sstyle=", page) == [], path
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//', page) == [], path


async def test_a_source_is_linked_to_only_on_the_web(
    site: Site, library: dict[str, Report]
) -> None:
    claim = library["gazette.txt"].ids["at least 300"]
    page = await site.page(f"/reports/claims/{claim}")
    assert 'rel="external noopener noreferrer nofollow" href="https://gazette.example/' in page


async def test_a_page_that_did_not_change_is_not_sent_again(
    site: Site, library: dict[str, Report]
) -> None:
    path = f"/reports/subjects/{CITY}?lang=en"
    first = await site.client.get(path)
    assert "max-age" in first.headers["cache-control"]
    assert "Accept-Language" in first.headers["vary"]
    again = await site.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    report = Report(
        "late.txt", "en", [("Now 400.", [Said("400", CITY, "registered_models", "400")])]
    )
    async with site.database.transaction() as tx:
        await enter(tx, report)
    changed = await site.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


async def test_files_are_kept_for_ever_under_their_hash(site: Site) -> None:
    page = await site.page("/")
    addresses = re.findall(r'(?:src|href)="(/reports/static/[^"]+)"', page)
    assert len(addresses) >= 4
    for address in addresses:
        answer = await site.client.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        plain = await site.client.get(address, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
    for wrong in ("/reports/static/0000/console.css", "/reports/static/x/../manifest.json"):
        assert (await site.client.get(wrong)).status_code == 404


async def test_each_language_has_every_page(site: Site, library: dict[str, Report]) -> None:
    claim = library["vestnik.txt"].ids["183"]
    for code in catalogues():
        for path in ("/reports", f"/reports/subjects/{CITY}", f"/reports/claims/{claim}"):
            page = await site.page(f"{path}?lang={code}")
            assert f'<html lang="{code}" dir="ltr">' in page
            assert all(f'href="{path}?lang={other}"' in page for other in catalogues())
        chosen = await site.page("/reports", **{"Accept-Language": f"{code};q=0.9, tlh"})
        assert f'<html lang="{code}"' in chosen


async def test_claims_leave_in_open_formats_without_a_key(
    site: Site, library: dict[str, Report]
) -> None:
    page = await site.page(f"/reports/subjects/{CITY}?lang=en")
    feeds = re.findall(r'<a href="([^"]*)" type="[^"]*" download>', page)
    texts = [await site.page(feed.replace("&amp;", "&")) for feed in feeds]
    assert len(texts) == 4
    assert all("183" in text and "Портовый вестник" in text for text in texts[:3])
    csv = await site.client.get(f"/reports/exports/claims.csv?subject={CITY}")
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.count("\r\n") == 17
    assert (await site.client.get("/reports/exports/claims.exe?subject=a")).status_code == 404


async def test_what_does_not_exist_is_said_in_the_readers_language(site: Site) -> None:
    answer = await site.client.get("/reports/claims/0123456789abcdef?lang=fr")
    assert answer.status_code == 404
    assert "Il n’y a rien ici" in answer.text

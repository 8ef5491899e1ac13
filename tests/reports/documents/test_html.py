"""HTML: the article, what stands beside it, and pages made to exhaust a reader."""

import time

import pytest

from mains.errors import DocumentEmpty, DocumentTooLarge, DocumentUnreadable
from mains.reports.values import BlockKind
from tests.reports.documents.builders import PARAGRAPHS, opened, page, parts_of

ENGLISH = PARAGRAPHS["en"]
SECONDS_MAX = 8.0
ARTICLE = page(
    f"""
<nav><ul><li><a href="/">Home of 7 papers</a></li></ul></nav>
<main><article><h1>Alder counts its models</h1>
<p>{ENGLISH}</p><h2>People and money</h2>
<p>{ENGLISH} <b>Really</b>, it is so.<br>And another line.</p>
<ul><li>12 firms moved there last year</li><li>5 more follow</li></ul>
<table><tr><th>Town</th><th>Models</th></tr><tr><td>Ashford</td><td>60</td></tr></table>
<p>{ENGLISH}</p>
<aside><h3>Read also</h3><ul><li><a href="/b">Ashford has 61 models</a></li></ul></aside>
</article></main><footer>All rights reserved, 99 papers</footer>""",
    head="<title>Alder counts its models - The Alder Paper</title>"
    '<meta property="og:title" content="Alder counts its models">'
    '<meta property="og:site_name" content="The Alder Paper">'
    "<script>var count = 1234; // a script</script><!-- 4321 -->",
)


def test_a_page_becomes_title_body_and_links_apart() -> None:
    document = opened(ARTICLE, name="page.html")
    assert document.title == "Alder counts its models"
    assert document.publisher == "The Alder Paper"
    assert parts_of(document, BlockKind.TITLE) == ["Alder counts its models"]
    body = parts_of(document, BlockKind.BODY)
    assert body.count(ENGLISH) == 2
    assert {"12 firms moved there last year", "Ashford | 60", "And another line."} <= set(body)
    assert "Ashford has 61 models" in parts_of(document, BlockKind.RELATED)
    for said in ("1234", "4321", "99 papers", "7 papers"):
        assert said not in document.text
    headings = [document.text[b.start : b.end] for b in document.blocks if b.is_heading]
    assert headings == ["People and money"]


def test_a_page_is_decoded_as_it_says() -> None:
    head = "<html><head><meta charset=windows-1251></head>"
    text = f"{head}<body><p>{PARAGRAPHS['ru']}</p></body></html>"
    document = opened(text.encode("cp1251"), name="page.html")
    assert PARAGRAPHS["ru"] in document.text
    carried = text.replace("<meta charset=windows-1251>", "").encode("cp1251")
    media_type = "text/html; charset=windows-1251"
    assert PARAGRAPHS["ru"] in opened(carried, media_type=media_type).text


def test_what_looks_like_html_is_sniffed_and_text_with_angles_is_text() -> None:
    assert opened(ARTICLE, name="page.txt").publisher == "The Alder Paper"
    text = f"If 3 < 5 and <b>bold</b>: {ENGLISH}"
    assert opened(text, name="note.txt").text == text


def test_a_very_small_page_is_read_too() -> None:
    assert "5 models" in opened(b"<html><body><p>There are 5 models.</p></body></html>").text


def test_large_scripts_and_comments_are_no_obstacle() -> None:
    noise = "<script>" + "a < b; " * 60_000 + "</script><!--" + " word" * 60_000 + "-->"
    assert ENGLISH in opened(page(f"{noise}<article><p>{ENGLISH}</p></article>")).text


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("<div>" * 200_000 + "x" + "</div>" * 200_000, DocumentTooLarge),
        ("<p>x" * 30_000, DocumentTooLarge),
        ("<i>x</i>" * 200_000, DocumentTooLarge),
        (f"<p title='{'x' * 3_000_000}'>hello</p>", DocumentTooLarge),
        ("<p " + " ".join(f"a{n}=1" for n in range(300_000)) + ">hello</p>", DocumentTooLarge),
        ("<p " + " ".join(f"a{n}=1" for n in range(1_500)) + ">hello</p>", DocumentTooLarge),
        ("<p " + " a='>' <" * 200_000 + ">hello</p>", DocumentTooLarge),
        ("<p>" + "hello world " * 600_000, DocumentTooLarge),
        ("x" * (9 * 2**20), DocumentTooLarge),
        ("<a href=x>link</a><b>" * 30_000, DocumentTooLarge),
        ("", DocumentEmpty),
        ("<!-- x --" * 100_000, (DocumentTooLarge, DocumentEmpty)),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_a_page_made_to_exhaust_is_refused_soon(
    body: str, error: type[DocumentTooLarge] | type[DocumentEmpty]
) -> None:
    started = time.monotonic()
    with pytest.raises(error) as caught:
        opened(page(body))
    assert time.monotonic() - started < SECONDS_MAX
    assert caught.value.hint


def test_entities_do_not_expand_and_nothing_outside_is_read() -> None:
    bomb = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    text = f'<!DOCTYPE html [<!ENTITY e0 "boom"><!ENTITY f SYSTEM "file:///etc/passwd">{bomb}]>'
    try:
        document = opened(f"{text}<html><body><p>{ENGLISH} &e9; &f;</p></body></html>")
    except DocumentUnreadable:
        return
    assert len(document.text) < 2_000
    assert "root:" not in document.text

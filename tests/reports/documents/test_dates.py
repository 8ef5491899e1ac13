"""The publication date stands only where the document gives day, month and year."""

import pytest

from tests.reports.documents.builders import PARAGRAPHS, opened, page

DATELINES = [
    ("en", "ALDER, January 14, 2026: "),
    ("en", "ALDER, 14 January 2026 (Wire) — "),
    ("pt", "Lisboa, 14 de janeiro de 2026 – "),
    ("de", "Ulm, 14. Januar 2026 – "),
    ("ru", "МОСКВА, 14 января 2026 года. "),
    ("zh", "新闻社巴黎2026年1月14日电 "),
]


@pytest.mark.parametrize(("language", "opening"), DATELINES)
def test_a_dateline_before_the_first_sentence_dates_the_document(
    language: str, opening: str
) -> None:
    document = opened(f"{opening}{PARAGRAPHS[language]}\n{PARAGRAPHS[language]}")
    assert document.published == "2026-01-14"


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Published: 14 January 2026"),
        ("en", "2026-01-14"),
        ("de", "14.01.2026"),
        ("zh", "2026年1月14日"),
    ],
)
def test_a_line_that_holds_little_but_a_date_dates_the_document(language: str, line: str) -> None:
    document = opened(f"{line}\n{PARAGRAPHS[language]}\n{PARAGRAPHS[language]}")
    assert document.published == "2026-01-14"


@pytest.mark.parametrize(
    "text",
    [
        "On 14 January 2026 the council published its figures for the year before.",
        "ALDER, January 14: The council published its figures for the year before.",
        "The council published its figures last Wednesday.",
        "The act came into force on 14 January 2026. The council has reported since.",
        "01/02/2026",
        "ALDER, February 30, 2026: The council published its figures.",
    ],
)
def test_a_date_that_is_told_or_incomplete_is_none_of_publication(text: str) -> None:
    assert opened(f"{text}\n{PARAGRAPHS['en']}\n{PARAGRAPHS['en']}").published is None


@pytest.mark.parametrize(
    "head",
    [
        '<meta property="article:published_time" content="2026-01-14T09:00:00+01:00">',
        '<script type="application/ld+json">{"@graph": [{"@type": "NewsArticle", '
        '"datePublished": "2026-01-14", "headline": "Alder"}]}</script>',
        '<meta name="DC.date.issued" content="2026-01-14">',
    ],
)
def test_a_page_is_dated_by_its_own_metadata(head: str) -> None:
    body = f"<article><p>{PARAGRAPHS['en']}</p></article>"
    assert opened(page(body, head=head)).published == "2026-01-14"


def test_a_page_is_not_dated_by_its_footer_or_its_address() -> None:
    body = f"<article><p>{PARAGRAPHS['en']}</p></article><footer>Copyright 2026-01-14</footer>"
    head = '<link rel="canonical" href="http://news.example/2026/01/14/models">'
    assert opened(page(body, head=head)).published is None

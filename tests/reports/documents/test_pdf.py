"""PDF: paragraphs from printed lines, and files that are broken or made to exhaust."""

import time

import pytest

from mains.errors import DocumentEmpty, DocumentTooLarge, DocumentUnreadable
from mains.reports import limits
from mains.reports.values import BlockKind
from tests.reports.documents.builders import opened, packed_zeros, parts_of, pdf

LINES = [
    "Alder counts its models",
    "",
    "The town of Alder counted 183 registered models at the end of 2024, and its com-",
    "panies employ more than 2,400 people, according to the council, which has published",
    "its figures for the third time.",
    "Most of the firms are small. A survey of the council found 55 percent with fewer than",
    "ten people, and the council wants to help them with vouchers for computing, it said.",
]


def test_printed_lines_become_paragraphs_and_cut_words_are_whole() -> None:
    document = opened(pdf([LINES]), name="report.pdf")
    assert document.title == "Alder counts its models"
    body = parts_of(document, BlockKind.BODY)
    assert len(body) == 2
    assert "and its companies employ more than 2,400 people" in body[0]
    assert body[1].startswith("Most of the firms")
    for block in document.blocks:
        assert document.text[block.start : block.end].strip()


def test_what_repeats_on_the_pages_is_left_out() -> None:
    pages = [["The Alder Paper, 2026", *LINES[2:], f"Page {number} of 5"] for number in range(1, 6)]
    text = opened(pdf(pages)).text
    assert "Page 3" not in text
    assert "Alder Paper" not in text
    assert text.count("2,400") == 5


def test_a_stored_title_counts_unless_it_is_the_name_of_a_file() -> None:
    assert opened(pdf([LINES[2:]], title="Figures of a town")).title == "Figures of a town"
    assert opened(pdf([LINES[2:]], title="draft_final2.docx")).title is None


def test_a_pdf_gives_no_publication_date_of_its_own() -> None:
    assert opened(pdf([LINES])).published is None


def test_pages_without_text_are_told() -> None:
    assert [note.code for note in opened(pdf([LINES, []])).notes] == ["pages"]
    with pytest.raises(DocumentEmpty, match="none of its 2 pages"):
        opened(pdf([[], []]))


@pytest.mark.parametrize("cut", [20, 200, 500])
def test_a_broken_pdf_says_so(cut: int) -> None:
    with pytest.raises((DocumentUnreadable, DocumentEmpty)) as caught:
        opened(pdf([LINES])[:cut])
    assert caught.value.hint


def test_too_many_pages_are_refused() -> None:
    with pytest.raises(DocumentTooLarge, match="pages"):
        opened(pdf([[]] * (limits.PDF_PAGES_MAX + 1)))


def test_a_stream_that_unpacks_to_very_much_is_refused_soon() -> None:
    started = time.monotonic()
    with pytest.raises((DocumentTooLarge, DocumentUnreadable, DocumentEmpty)) as caught:
        opened(pdf([[]], stream=packed_zeros(2**29)))
    assert time.monotonic() - started < 30
    assert caught.value.hint

"""Plain text: offsets, encodings, and what part of the document each line is."""

import pytest

from mains.errors import DocumentEmpty, DocumentTooLarge, DocumentUnreadable
from mains.reports import limits
from mains.reports.values import BlockKind
from tests.reports.documents.builders import PARAGRAPHS, opened, parts_of

ENGLISH = PARAGRAPHS["en"]


def test_offsets_are_those_of_the_file_decoded_as_utf_8() -> None:
    text = f"Models in Alder\r\n\r\n  {ENGLISH}\t\r\n\u2028{ENGLISH}\n"
    document = opened(text)
    assert document.text == text
    assert [document.text[b.start : b.end] for b in document.blocks] == [
        "Models in Alder",
        ENGLISH,
        ENGLISH,
    ]


def test_a_byte_order_mark_shifts_no_offset_and_belongs_to_no_block() -> None:
    content = b"\xef\xbb\xbf" + ENGLISH.encode()
    document = opened(content)
    assert document.text == content.decode("utf-8")
    assert document.blocks[0].start == 1
    assert document.text[document.blocks[0].start :] == ENGLISH


@pytest.mark.parametrize(
    ("language", "encoding"),
    [("ru", "cp1251"), ("ru", "koi8_r"), ("zh", "gb18030"), ("de", "cp1252"), ("en", "utf-16")],
)
def test_another_encoding_is_recognised_and_said(language: str, encoding: str) -> None:
    text = "\n".join([PARAGRAPHS[language]] * 3)
    document = opened(text.encode(encoding))
    assert document.text.lstrip("\ufeff") == text
    assert [note.code for note in document.notes] == ["encoding"]
    assert document.languages == (language,)


def test_damaged_utf_8_stays_utf_8_and_says_so() -> None:
    whole = PARAGRAPHS["ru"].encode() * 3
    document = opened(whole[:101] + b"\xff" + whole[101:])
    assert PARAGRAPHS["ru"] in document.text
    assert [note.code for note in document.notes] == ["damaged"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", DocumentEmpty),
        (b" \n\t \r\n", DocumentEmpty),
        (b"\xef\xbb\xbf\n", DocumentEmpty),
        ("— … —\n***".encode(), DocumentEmpty),
        (bytes(range(256)) * 40, DocumentUnreadable),
        (b"\x00\x01\x02" * 500, DocumentUnreadable),
        (b"\xff\xfea", DocumentUnreadable),
        (b"PK\x03\x04rest", DocumentUnreadable),
        (b"\x1f\x8b\x08\x00rest", DocumentUnreadable),
        (b"\x89PNG\r\n\x1a\n", DocumentUnreadable),
        (b"a" * (limits.FILE_BYTES_MAX + 1), DocumentTooLarge),
        (b"word " * (limits.TEXT_CHARACTERS_MAX // 5 + 1), DocumentTooLarge),
        (b"a line\n" * (limits.BLOCKS_MAX + 1), DocumentTooLarge),
    ],
)
def test_what_cannot_be_read_says_what_it_is_and_what_to_do(
    content: bytes, error: type[DocumentUnreadable | DocumentEmpty | DocumentTooLarge]
) -> None:
    with pytest.raises(error) as caught:
        opened(content, name="given.bin")
    assert caught.value.hint
    assert caught.value.facts["document"] == "given.bin"


def test_a_short_first_line_without_a_stop_is_the_title() -> None:
    document = opened(f"Alder counts its models\n{ENGLISH}\n{ENGLISH}")
    assert document.title == "Alder counts its models"
    assert document.blocks[0].kind is BlockKind.TITLE


def test_a_first_paragraph_is_no_title() -> None:
    document = opened(f"{ENGLISH}\n{ENGLISH}")
    assert document.title is None
    assert parts_of(document, BlockKind.BODY) == [ENGLISH, ENGLISH]


def test_a_headline_with_a_stop_is_one_where_it_alone_stands_apart() -> None:
    assert opened(f"Alder counts.\n\n{ENGLISH}\n{ENGLISH}").title == "Alder counts."
    apart = opened(f"Alder counts.\n\n{ENGLISH}\n\n{ENGLISH}\n\n{ENGLISH}")
    assert apart.title is None


def test_subheadings_are_headings_inside_the_body() -> None:
    document = opened(f"Title here\n{ENGLISH}\nPeople and money\n{ENGLISH}")
    assert [b.is_heading for b in document.blocks] == [False, False, True, False]
    assert document.blocks[2].kind is BlockKind.BODY


def test_links_after_the_article_are_related() -> None:
    tail = "- Ashford has 60 models\n- What vouchers pay for"
    document = opened(f"Title here\n\n{ENGLISH}\n{ENGLISH}\n\nRead also\n{tail}")
    assert parts_of(document, BlockKind.RELATED) == [
        "Read also",
        "Ashford has 60 models",
        "What vouchers pay for",
    ]


def test_a_list_of_links_amid_the_article_ends_where_the_article_goes_on() -> None:
    document = opened(f"Title here\n{ENGLISH}\nRead also:\n- Ashford has 60 models\n{ENGLISH}")
    assert parts_of(document, BlockKind.RELATED) == ["Read also:", "Ashford has 60 models"]
    assert parts_of(document, BlockKind.BODY) == [ENGLISH, ENGLISH]


def test_a_promotional_tail_is_kept_apart_and_the_headlines_behind_it_are_links() -> None:
    promotion = "Subscribe to our newsletter today!"
    document = opened(f"{ENGLISH}\n{ENGLISH}\n{promotion}\n\nAshford plans for 2027")
    assert parts_of(document, BlockKind.PROMOTION) == [promotion]
    assert parts_of(document, BlockKind.RELATED) == ["Ashford plans for 2027"]


def test_a_headline_quoted_behind_the_article_is_its_title() -> None:
    headline = "Alder in bloom: 40 models, 900 firms and a new port"
    note = f"The story “{headline}” was written by our desk."
    document = opened(f"{ENGLISH}\n{ENGLISH}\n{note}\nSubscribe to our newsletter\n")
    assert [block.kind for block in document.blocks][2] is BlockKind.TITLE
    assert document.title == "Alder in bloom: 40 models, 900 firms and a new port"


def test_a_quotation_of_somebody_behind_the_article_is_no_title() -> None:
    said = "“We have forty models, nine hundred firms and a new port in Alder,” said the old mayor."
    document = opened(f"{ENGLISH}\n{ENGLISH}\n{said}\nSubscribe to our newsletter\n")
    assert all(block.kind is not BlockKind.TITLE for block in document.blocks)


def test_a_paragraph_that_mentions_a_newsletter_belongs_to_the_article() -> None:
    text = (
        "The council told readers of its newsletter that 12 more firms had come to the town, and "
    )
    document = opened(f"{ENGLISH}\n{text}that 40 others would follow within the year.\n{ENGLISH}")
    assert len(parts_of(document, BlockKind.BODY)) == 3


def test_list_items_are_blocks_without_their_bullets() -> None:
    document = opened(
        f"{ENGLISH}\n- 12 firms moved there\n• 5% of them were new\n-5 degrees\n{ENGLISH}"
    )
    texts = [document.text[b.start : b.end] for b in document.blocks]
    assert texts[1:4] == ["12 firms moved there", "5% of them were new", "-5 degrees"]


def test_right_to_left_text_keeps_its_offsets() -> None:
    text = f"\u202b{PARAGRAPHS['he']}\u200f\n{PARAGRAPHS['he']}"
    document = opened(text)
    assert document.languages == ("he",)
    for block in document.blocks:
        assert document.text[block.start : block.end].startswith("בסוף")


def test_a_character_that_no_database_keeps_is_replaced_where_it_stands() -> None:
    text = "Models of Beij\0ing\n\n" + "\n".join([ENGLISH] * 3)
    document = opened(text)
    assert document.text == text.replace("\0", "\ufffd")
    assert document.title == "Models of Beij\ufffding"

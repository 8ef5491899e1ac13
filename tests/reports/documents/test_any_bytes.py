"""Whatever the bytes are, there is a document or a clear error."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mains.errors import MainsError
from mains.reports.documents import Document, open_document

NAMES = st.sampled_from(["a.txt", "a.html", "a", "a.md"])
TYPES = st.sampled_from([None, "text/html; charset=shift_jis", "text/plain; charset=rot13", "x"])
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.sampled_from(
            [b"<html>", b"<p>", b"</p>", b"<ul><li>", b"\n", b"\r\n", b"Read also", b"\xef\xbb\xbf"]
        ),
    ),
    max_size=30,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(content=PIECES, name=NAMES, media_type=TYPES)
def test_any_bytes_give_a_document_or_a_clear_error(
    content: bytes, name: str, media_type: str | None
) -> None:
    try:
        document = open_document(content, name=name, media_type=media_type)
    except MainsError as error:
        assert error.detail
        assert error.hint
        return
    _check(document)


@settings(max_examples=150, deadline=None)
@given(text=st.text(min_size=1, max_size=400))
def test_any_text_keeps_its_characters_and_its_blocks_in_order(text: str) -> None:
    content = text.encode("utf-8", "replace")
    try:
        document = open_document(content, name="a.txt")
    except MainsError:
        return
    if not document.notes and not document.text.lstrip().startswith("<"):
        assert document.text == content.decode()
    _check(document)


def _check(document: Document) -> None:
    last = 0
    for block in document.blocks:
        assert last <= block.start < block.end <= len(document.text)
        held = document.text[block.start : block.end]
        assert held == held.strip()
        last = block.end

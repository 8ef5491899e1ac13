"""Named queries: one section per name line, with the comment that explains it."""

import pytest

from mains.db import Queries

TEXT = """\
-- A file of two queries.

-- Counts what is open;
-- closed things don't count.
-- name: count_open
SELECT count(*)
FROM thing -- of any kind
WHERE open;

-- name: close_all
-- Sets them all at once.
UPDATE thing SET open = false WHERE id = %(id)s;
"""


def test_sections_are_found_by_name_without_comments_around_them() -> None:
    queries = Queries.parse(TEXT, source="things.sql")
    assert list(queries) == ["count_open", "close_all"]
    assert queries["count_open"] == "SELECT count(*)\nFROM thing -- of any kind\nWHERE open"
    assert queries["close_all"] == "UPDATE thing SET open = false WHERE id = %(id)s"
    assert len(queries) == 2


def test_the_comment_above_a_name_says_why() -> None:
    queries = Queries.parse(TEXT, source="things.sql")
    assert queries.why("count_open") == "Counts what is open; closed things don't count."
    assert queries.why("close_all") == ""


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Queries.parse(TEXT, source="things.sql")["open_all"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;", "there twice"),
        ("-- name: One Query\nSELECT 1;", "is not a query name"),
        ("-- name: one\n-- name: two\nSELECT 1;", "one is empty"),
        ("-- name: one\n-- nothing here\n", "one is empty"),
        ("SELECT 1;\n-- name: two\nSELECT 2;", "above the first"),
    ],
)
def test_a_malformed_file_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Queries.parse(text, source="things.sql")


def test_files_lie_beside_the_code_of_a_package() -> None:
    assert "take_lock" in Queries.load("mains.db", "migrations.sql")
    with pytest.raises(ValueError, match="package"):
        Queries.load(None, "migrations.sql")

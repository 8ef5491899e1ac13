"""The language of each block."""

import pytest

from tests.reports.documents.builders import PARAGRAPHS, opened


@pytest.mark.parametrize("language", sorted(PARAGRAPHS))
def test_a_language_is_recognised_whether_there_is_a_pack_for_it_or_not(language: str) -> None:
    assert opened(PARAGRAPHS[language]).languages == (language,)


def test_each_block_has_its_own_language() -> None:
    document = opened("\n".join([PARAGRAPHS["pt"], PARAGRAPHS["zh"], PARAGRAPHS["de"]]))
    assert [block.language for block in document.blocks] == ["pt", "zh", "de"]


def test_a_short_block_takes_the_language_of_its_document() -> None:
    document = opened(f"DeepSeek R1\n{PARAGRAPHS['ru']}\nOpenAI\n{PARAGRAPHS['ru']}")
    assert [block.language for block in document.blocks] == ["ru"] * 4


def test_a_language_that_nobody_knows_has_no_code() -> None:
    assert opened("የኢትዮጵያ መንግሥት አዲስ ማዕከል ይገነባል ብሎ አስታወቀ ትናንት").languages == ()
    assert opened("42 17 2024").blocks[0].language is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("París tiene 800 startups de IA.", "es"),
        ("Paris has 800 AI startups.", "en"),
        ("Lyon compte 120 startups.", "fr"),
        ("Stockholm har 800 AI-bolag och 300 startups.", "sv"),
    ],
)
def test_a_few_words_are_likelier_in_a_language_that_has_a_pack(text: str, language: str) -> None:
    assert opened(text).languages == (language,)

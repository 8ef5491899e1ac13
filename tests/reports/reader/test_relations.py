"""Relations are read from the sentence's structure; texts in our own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from mains.reports.documents import open_document
from mains.reports.packs import PackError
from mains.reports.packs.predicates import predicate_rules, predicate_words
from mains.reports.reader.frames import exactly
from mains.reports.reader.reader import read
from mains.reports.values import Modality, Relation, Status

LANGUAGES = ("pt", "ru", "it", "de", "en", "zh", "fr", "es")
FILLING = {
    "pt": "O relatório foi lido por muitas pessoas durante a semana e depois arquivado na casa.",
    "ru": "Этот отчет на прошлой неделе прочитали многие люди, а потом его убрали в архив.",
    "it": "La relazione è stata letta da molte persone durante la settimana e poi archiviata.",
    "de": "Der Bericht wurde in der vergangenen Woche von vielen Leuten gelesen und abgelegt.",
    "en": "The report was read by many people in the course of the week and then filed away.",
    "zh": "这份报告上周有很多人看过，之后就存放起来了。",
    "fr": "Le rapport a été lu par beaucoup de gens pendant la semaine, puis rangé dans un tiroir.",
    "es": "El informe fue leído por mucha gente durante la semana y después quedó archivado.",
}


def relations(text: str, language: str) -> list[Relation]:
    """Read a sentence behind a neutral one, which tells the language."""
    document = open_document(f"{FILLING[language]}\n{text}\n".encode(), name=f"{language}.txt")
    found = read(document).relations
    assert all(document.text[held.start : held.end] == held.quote for held in found)
    return [held for held in found if held.start > len(FILLING[language])]


def stated(text: str, language: str) -> set[tuple[str | None, str, str | None]]:
    return {(held.subject, held.predicate, held.object) for held in relations(text, language)}


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "pt",
            "A StepFun, sediada em Xangai, cresce.",
            ("org:stepfun", "locates_in", "city:shanghai"),
        ),
        (
            "pt",
            "O aplicativo Doubao, desenvolvido pela ByteDance, agrada.",
            ("org:bytedance", "develops", "app:doubao"),
        ),
        (
            "pt",
            "Xangai sedia a WAIC todos os verões.",
            ("city:shanghai", "holds_event", "event:waic"),
        ),
        ("ru", "Baidu разрабатывает Ernie Bot.", ("org:baidu", "develops", "model:ernie-bot")),
        (
            "ru",
            "Пекин строит новый вычислительный центр.",
            ("city:beijing", "builds", "новый вычислительный центр"),
        ),
        ("it", "Il modello GLM di Zhipu AI piace.", ("org:zhipu-ai", "develops", "model:glm")),
        (
            "it",
            "Hangzhou sostiene le imprese giovani, dice la nota.",
            ("city:hangzhou", "supports", "imprese giovani"),
        ),
        ("de", "Peking baut seine Rechenzentren aus.", ("city:beijing", "builds", "Rechenzentren")),
        ("de", "Baidu betreibt eine Suchmaschine.", ("org:baidu", "operates", "Suchmaschine")),
        ("en", "Baidu develops Ernie Bot.", ("org:baidu", "develops", "model:ernie-bot")),
        ("en", "Ernie Bot was developed by Baidu.", ("org:baidu", "develops", "model:ernie-bot")),
        ("en", "Shanghai hosts WAIC every summer.", ("city:shanghai", "holds_event", "event:waic")),
        ("en", "OpenAI competes with DeepSeek.", ("org:openai", "competes_with", "org:deepseek")),
        ("zh", "北京正在建设新的算力中心。", ("city:beijing", "builds", "新的算力中心")),
        ("zh", "字节跳动旗下的豆包很受欢迎。", ("org:bytedance", "develops", "app:doubao")),
        (
            "fr",
            "Mistral AI, basée à Paris, grandit.",
            ("org:mistral-ai", "locates_in", "city:paris"),
        ),
        (
            "fr",
            "Shanghai accueille la WAIC chaque été.",
            ("city:shanghai", "holds_event", "event:waic"),
        ),
        (
            "es",
            "Multiverse Computing, con sede en San Sebastián, crece.",
            ("org:multiverse-computing", "locates_in", "city:san-sebastian"),
        ),
        (
            "es",
            "Madrid financia laboratorios pequeños.",
            ("city:madrid", "funds", "laboratorios pequeños"),
        ),
    ],
)
def test_a_relation_is_read_in_each_language(
    language: str, text: str, expected: tuple[str, str, str]
) -> None:
    assert expected in stated(text, language)


@pytest.mark.parametrize(
    ("language", "text", "predicate", "count"),
    [
        ("en", "Lyon supports schools, small firms and laboratories.", "supports", 3),
        ("es", "Madrid apoya escuelas, empresas pequeñas y laboratorios.", "supports", 3),
        ("de", "Hamburg fördert Schulen, kleine Firmen und Labore.", "supports", 3),
        ("zh", "上海支持学校、小企业和实验室。", "supports", 3),
        ("en", "Lyon plans to open a school.", "plans", 1),
    ],
)
def test_joined_objects_are_a_relation_each(
    language: str, text: str, predicate: str, count: int
) -> None:
    found = [held for held in relations(text, language) if held.predicate == predicate]
    assert len(found) == count
    assert len({held.object for held in found}) == count


@pytest.mark.parametrize(
    ("language", "text", "person", "role"),
    [
        (
            "en",
            "The minister, Ada Quill, said that schools matter most to the country.",
            "person:ada-quill",
            "minister",
        ),
        (
            "pt",
            "Disse Rui Salgado, diretor da escola, que ler faz bem a todos.",
            "person:rui-salgado",
            "diretor da escola",
        ),
        (
            "ru",
            "Мэр Иван Лесной (Ivan Lesnoy) заявил, что школы важны для города.",
            "person:ivan-lesnoy",
            "Мэр",
        ),
    ],
)
def test_an_office_beside_a_name_is_a_role(
    language: str, text: str, person: str, role: str
) -> None:
    assert (person, "has_role", role) in stated(text, language)


def test_what_somebody_says_is_a_relation_where_it_holds_no_figure() -> None:
    said = "The minister, Ada Quill, said that {}."
    plain = relations(said.format("schools matter most to us all"), "en")
    figures = relations(said.format("there are 412 schools in all"), "en")
    assert [held.subject for held in plain if held.predicate == "says"] == ["person:ada-quill"]
    assert not [held for held in figures if held.predicate == "says"]


def test_a_second_clause_is_no_member_of_a_list() -> None:
    text = "Baidu develops Ernie Bot and the report was read by many."
    assert stated(text, "en") == {("org:baidu", "develops", "model:ernie-bot")}


def test_a_figure_with_its_noun_is_no_object() -> None:
    assert not stated("Lyon supports 412 schools.", "en")


def test_a_word_after_a_determiner_is_a_noun() -> None:
    assert not stated("In Lyon the funds small schools need are gone.", "en")


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("Lyon builds a school for engineers.", Modality.OBSERVED),
        ("Lyon will build a school for engineers.", Modality.PLANNED),
    ],
)
def test_a_relation_says_whether_it_is_planned(text: str, modality: Modality) -> None:
    assert [held.modality for held in relations(text, "en")] == [modality]


def test_quotes_have_at_most_twelve_words() -> None:
    text = (
        "Lyon supports " + " ".join(f"very{letter}" for letter in "abcdefghijklmnop") + " people."
    )
    assert all(len(held.quote.split()) <= 12 for held in relations(text, "en"))


def test_link_titles_wait_for_a_review_and_promotions_say_nothing() -> None:
    text = (
        f"{FILLING['en']}\n\nRead also\n- Shanghai hosts WAIC again\n\n"
        "Subscribe to our newsletter: Baidu develops Ernie Bot, we tell you first!"
    )
    found = read(open_document(text.encode(), name="tail.txt")).relations
    assert {held.status for held in found} <= {Status.QUEUED}


def test_reading_twice_gives_equal_relations() -> None:
    text = "Baidu develops Ernie Bot."
    assert relations(text, "en") == relations(text, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pack_states_every_predicate_that_texts_are_full_of(language: str) -> None:
    frames = predicate_words(language).frames
    wanted = set(predicate_rules()) - {"says"}
    assert wanted - set(frames) <= {"has_role"}


def test_a_language_without_a_file_states_nothing_and_breaks_nothing() -> None:
    assert not predicate_words("xx").frames


def test_an_unknown_predicate_is_refused(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "predicates").mkdir()
    (folder / "predicates.yaml").write_text("builds: {}\n")
    (folder / "predicates" / "en.yaml").write_text("frames: {razes: {verbs: [razes]}}\n")
    with pytest.raises(PackError, match="razes"):
        predicate_words("en", folder)


def test_words_of_frames_are_taken_as_written() -> None:
    assert exactly("set* aside (a|the) d*") == "set* aside= (a=|the=) d*"

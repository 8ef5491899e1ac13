"""Names that no pack knows, and what a document remembers of them."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.packs import load_pack
from mains.reports.reader.mentions import mentions
from mains.reports.reader.named import Known
from mains.reports.reader.recalling import recalled
from mains.reports.reader.text import sentences


def ids(text: str, language: str) -> list[str]:
    """Return what each sentence names, in the order of the text."""
    pack = load_pack(language)
    document = open_document(text.encode(), name="report.txt")
    held = sentences(document.text, 0, len(document.text), language)
    parts = [(sentence, pack, mentions(sentence, pack)) for sentence in held]
    return [m.id for found in recalled(parts) for m in found.entities if m.id is not None]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The city backs the start-up Quellborn with a grant.", "org:quellborn"),
        ("fr", "La région soutient la start-up Quellborn.", "org:quellborn"),
        ("it", "La regione sostiene la startup Quellborn.", "org:quellborn"),
        ("de", "Das Land fördert das Unternehmen Quellborn.", "org:quellborn"),
        ("ru", "Город поддержал компанию «Кварта».", "org:kvarta"),
        ("zh", "市政府支持Quellborn公司。", "org:quellborn"),
        ("en", "They bought Quellborn Inc last year.", "org:quellborn"),
        ("en", "The maker released Mistral Small 3.2 in June.", "model:mistral-small-3.2"),
        ("en", "Researchers compared it with Qwen3 in May.", "model:qwen3"),
        ("es", "DeepSeek publicó su modelo R1 en enero.", "model:deepseek-r1"),
        ("en", "Guests came to WAIC 2026 in July.", "event:waic-2026"),
        ("zh", "2026世界人工智能大会在上海举行。", "event:waic-2026"),
        ("en", "Dongguan compute vouchers are popular.", "programme:dongguan-compute-vouchers"),
        ("fr", "Le centre de données de Diamniadio grandit.", "platform:diamniadio-data-centre"),
    ],
)
def test_a_name_is_found_by_what_stands_beside_it(language: str, text: str, expected: str) -> None:
    assert expected in ids(text, language)


def test_a_name_once_introduced_is_found_at_the_head_of_a_sentence() -> None:
    text = "The city backs the start-up Quellborn Systems. Quellborn has 40 staff."
    assert ids(text, "en").count("org:quellborn-systems") == 2


def test_an_abbreviation_in_brackets_is_the_name_before_it() -> None:
    text = "The firm Quellborn Systems (QBS) was founded here. Last year QBS hired 40 people."
    assert ids(text, "en").count("org:quellborn-systems") == 3


def test_abbreviations_of_the_field_are_no_names() -> None:
    assert ids("The company AI teams need has GPUs.", "en") == []


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Cassava Technologies runs it.", "org:cassava-technologies"),
        ("es", "Amazon Web Services invirtió en Querétaro.", "region:queretaro"),
        ("es", "AWS invirtió en el país.", "org:amazon-web-services"),
        ("fr", "L'Initiative suisse pour l'IA finance.", "programme:initiative-suisse-pour-l-ia"),
        ("en", "The LUMI AI Factory opened.", "platform:lumi-ai-factory"),
        ("zh", "豆包日活用户增加。", "app:doubao"),
        ("zh", "豆包大模型1.5发布。", "model:doubao-1.5"),
        ("en", "DeepSeek-V4-Exp came out.", "model:deepseek-v4-exp"),
    ],
)
def test_a_known_name_has_the_id_that_the_text_spells(
    language: str, text: str, expected: str
) -> None:
    assert expected in ids(text, language)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "El programa Impulsa Telar Galicia empieza hoy.", "programme:impulsa-telar-galicia"),
        ("fr", "Le programme Tremplin Data Bretagne démarre.", "programme:tremplin-data-bretagne"),
        ("es", "Viene la Cumbre Telar de las Américas.", "event:cumbre-telar-de-las-americas"),
        ("en", "It rented Campus Toronto-Nord to a bank.", "platform:campus-toronto-nord"),
        ("en", "Christened Quell Bridge, the programme runs on.", "programme:quell-bridge"),
        ("en", "They took all 400 MW of Polar Kiln 1 last week.", "org:polar-kiln-1"),
        (
            "en",
            "Officials say that the Quell National Data Centre stands idle.",
            "platform:quell-national-data-centre",
        ),
        ("en", "Quellborn Compute Park asked for power.", "platform:quellborn-compute-park"),
        ("en", "In Tallow County, residents object.", "region:tallow-county"),
        ("en", "The Baltic AI Gigafactory is a bid.", "platform:baltic-ai-gigafactory"),
        ("es", "Gana el programa IA para Telares, a cargo de todos.", "programme:ia-para-telares"),
        ("fr", "Le pays a inauguré Taouey 2, dit-on.", "platform:taouey-2"),
        ("fr", "Le pays a doté Taouey de 2 MW.", "platform:taouey"),
    ],
)
def test_a_name_is_neither_cut_short_nor_begun_early(
    language: str, text: str, expected: str
) -> None:
    assert expected in ids(text, language)


def test_a_name_that_goes_on_with_a_place_is_found_again_where_no_noun_stands() -> None:
    text = "El programa Impulsa Telar Galicia empieza. Gana con Impulsa Telar Galicia."
    assert ids(text, "es").count("programme:impulsa-telar-galicia") == 2


def test_an_adjective_before_a_company_is_no_part_of_its_name() -> None:
    assert "org:quellborn-systems" in ids("La española Quellborn Systems crece.", "es")


def test_a_text_that_brackets_an_abbreviation_goes_by_it() -> None:
    text = "El Instituto Telar Dorado (ITD) crece. El ITD invirtió más."
    assert ids(text, "es") == ["org:itd", "org:itd", "org:itd"]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The machine, to be called Quellan, has 40 chips.", "platform:quellan"),
        ("fr", "Le supercalculateur, baptisé Quellan, compte 40 puces.", "platform:quellan"),
        ("es", "La plataforma, bautizada Quellan, crece.", "platform:quellan"),
        ("it", "Il supercomputer, battezzato Quellan, cresce.", "platform:quellan"),
        ("pt", "A plataforma, batizada de Quellan, cresce.", "platform:quellan"),
    ],
)
def test_what_is_called_by_a_name_tells_its_kind(language: str, text: str, expected: str) -> None:
    assert expected in ids(text, language)


def test_a_place_that_a_scheme_serves_is_its_attribute() -> None:
    pack = load_pack("zh")
    text = "南宁市推出面向东盟的算力券。"
    (sentence,) = sentences(text, 0, len(text), "zh")
    known = {m.id: m.known for m in mentions(sentence, pack).entities}
    assert known["union:asean"] is Known.ADJECTIVE

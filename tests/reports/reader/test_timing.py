"""Which period and modality govern a figure; every sentence is in our own words."""

from __future__ import annotations

import pytest

from mains.reports.documents import open_document
from mains.reports.reader.reader import read
from mains.reports.values import Claim


def claims(text: str) -> list[Claim]:
    reading = read(open_document(text.encode(), name="report.txt"))
    return [claim for claim in reading.claims if not claim.is_neutral]


def claim_of(text: str, value: str) -> Claim:
    return next(claim for claim in claims(text) if claim.value == value)


@pytest.mark.parametrize(
    ("text", "value", "period"),
    [
        # The clause's own period, and the one at the head of the sentence for all its clauses.
        (
            "At the end of 2024, Lyon counted 310 AI companies, and Nantes had 95 AI companies.",
            "95",
            "2024-12-31",
        ),
        (
            "Ende 2024 zählte Graz 120 KI-Unternehmen, Linz kam auf 75 KI-Unternehmen.",
            "75",
            "2024-12-31",
        ),
        ("截至2024年底，成都有人工智能企业980家，重庆有人工智能企业760家。", "760", "2024-12-31"),
        # What a figure is measured against does not date it.
        (
            "In 2025 its revenue reached 80 million euros, 12 per cent more than in 2024.",
            "12",
            "2025",
        ),
        (
            "En 2025, el 14 % de las empresas usaba IA, 3 puntos porcentuales más que en 2024.",
            "3",
            "2025",
        ),
        ("2025年全市人工智能产业规模达到300亿元，比2024年增长18%。", "18", "2025"),
        # ... but the figure it is measured against has that time.
        (
            "Fin 2025, Lille comptait 64 entreprises d'IA, contre 51 un an plus tôt.",
            "51",
            "2024-12-31",
        ),
        # Growth of a stock is the growth of the year.
        (
            "Alla fine del 2025 a Bari c'erano 88 imprese di intelligenza artificiale, "
            "il 10% in più di un anno prima.",
            "10",
            "2025",
        ),
        # A rate holds for what the paragraph goes on to tell.
        (
            "Em 2025, 15% das empresas espanholas usavam IA. Em Portugal, a taxa de empresas "
            "que usam IA é de 12%.",
            "12",
            "2025",
        ),
        # "At that date" repeats what was named.
        (
            "На конец 2025 года в Казани работали 90 ИИ-компаний. "
            "На ту же дату в Уфе работали 40 ИИ-компаний.",
            "40",
            "2025-12-31",
        ),
        # "Now" is no other time's.
        (
            "The company raised 20 million dollars in May 2025 and now has 140 employees.",
            "140",
            None,
        ),
        # A rule has no time.
        (
            "Im Jahr 2026 startet das Programm; es erstattet 40 Prozent der Kosten.",
            "40",
            None,
        ),
        # The subject before its verb takes the verb's time.
        (
            "Un tiers des entreprises, surtout les grandes, utilisaient l'IA en 2024.",
            None,
            "2024",
        ),
    ],
)
def test_the_structure_of_the_sentence_says_which_period_governs(
    text: str, value: str | None, period: str | None
) -> None:
    found = claim_of(text, value) if value is not None else claims(text)[0]
    assert found.period == period


@pytest.mark.parametrize(
    ("text", "value", "modality"),
    [
        ("The city will build a centre with 400 GPUs.", "400", "planned"),
        (
            "Analysts forecast that the AI market will reach 9 billion dollars.",
            "9000000000",
            "estimated",
        ),
        ("The ministry aims to train 5,000 people by 2028.", "5000", "target"),
        ("The town plans a new campus, and its university has 35 AI startups.", "35", "observed"),
        ("Das Land wird 300 Millionen Euro investieren.", "300000000", "planned"),
        ("Das Unternehmen wird mit 300 Millionen Euro bewertet.", "300000000", "observed"),
        (
            "Bis 2030 soll die Zahl der KI-Unternehmen auf 900 steigen, so das Ziel.",
            "900",
            "target",
        ),
        ("El centro tendrá 700 GPU.", "700", "planned"),
        ("La red ya suma 45 empresas de IA.", "45", "observed"),
        (
            "O mercado de IA chegará a 4 bilhões de dólares, estima a associação.",
            "4000000000",
            "estimated",
        ),
        ("Le site accueillera 250 GPU.", "250", "planned"),
        ("Le tour de table atteint 30 millions d'euros.", "30000000", "observed"),
        ("Il comune punta a 600 imprese di intelligenza artificiale.", "600", "target"),
        ("Il nuovo polo di calcolo della regione ospiterà 90 GPU.", "90", "planned"),
        ("К 2030 году город рассчитывает довести число ИИ-компаний до 500.", "500", "target"),
        ("Город планирует закупить 60 ускорителей, в реестре уже 25 моделей.", "25", "observed"),
        ("研究机构预测，2027年人工智能市场规模将达到600亿元。", "60000000000", "estimated"),
        ("到2028年，全市人工智能企业力争达到3000家。", "3000", "target"),
        ("市里将建设新园区，目前已有大模型32款完成备案。", "32", "observed"),
    ],
)
def test_the_governing_verb_or_noun_says_whether_it_is_a_fact(
    text: str, value: str, modality: str
) -> None:
    assert claim_of(text, value).modality.value == modality


def test_the_first_figure_of_a_planned_change_is_a_fact() -> None:
    text = "The operator will raise its fleet from 200 GPUs to 900 GPUs by 2027."
    assert claim_of(text, "200").modality.value == "observed"
    assert claim_of(text, "200").period is None
    assert claim_of(text, "900").modality.value == "planned"


def test_a_date_without_a_year_does_not_take_the_year_of_a_plan() -> None:
    text = (
        "PARIS, 12 mai 2026 — La ville veut former 900 personnes d'ici 2030 ; au 31 mars, "
        "elle avait formé 310 personnes."
    )
    assert claim_of(text, "310").period == "2026-03-31"


def test_a_dateline_without_a_year_lies_behind_the_last_state_told() -> None:
    text = "本报南京1月15日电 截至2025年底，全市有人工智能企业820家。今年将新增算力3000P。"
    assert claim_of(text, "820").period == "2025-12-31"
    assert claim_of(text, "820").modality.value == "observed"


def test_every_claim_says_how_its_period_was_found() -> None:
    for claim in claims("At the end of 2024, Lyon counted 310 AI companies and 12 AI models."):
        assert sum(reason.code.startswith("period_") for reason in claim.reasons) >= 1

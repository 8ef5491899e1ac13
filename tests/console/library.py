"""Reports of an invented press on invented figures: what the pages are tried with."""

from mains.db import Database
from tests.console.builders import Report, Said, open_library, relate

CITY = "city:beijing"
OTHER = "city:shenzhen"


def reports() -> list[Report]:
    """Return reports in six languages that update, refine, contradict and only look alike."""
    return [_gazette(), _correio(), _wanbao(), _vestnik(), _anzeiger(), _sahifa()]


async def a_library(database: Database) -> dict[str, Report]:
    """Enter the reports with their edges; returned by their names."""
    held = {report.name: report for report in reports()}
    await open_library(database, *held.values())
    gazette, correio = held["gazette.txt"].ids, held["correio.txt"].ids
    wanbao, vestnik = held["wanbao.txt"].ids, held["vestnik.txt"].ids
    anzeiger = held["anzeiger.txt"].ids
    async with database.transaction() as tx:
        for a, b, relation, reason in (
            (correio["105"], gazette["more than 180"], "update", "a later count of the same"),
            (vestnik["183"], gazette["more than 180"], "refines", "the exact count"),
            (vestnik["183"], wanbao["195个"], "conflict", "both exact, both for 2025"),
            (vestnik["183"], anzeiger["Rund 190"], "compatible_bounds", "about 190 allows 183"),
            (gazette["more than 180"], correio["105"], "never_merge", "not the same year"),
            (wanbao["4500亿元"], correio["300 bilhões"], "scope_differs", "core against whole"),
        ):
            await relate(tx, a, b, relation, reason)
    return held


def _gazette() -> Report:
    return Report(
        name="gazette.txt",
        language="en",
        title="Two harbours, one race for models",
        publisher="Harbour Gazette",
        published="2026-02-11",
        url="https://gazette.example/two-harbours",
        sentences=[
            (
                "By the end of last year, the city had put more than 180 large models on its "
                "register, the mayor's office said.",
                [
                    Said("more than 180", CITY, "registered_models", "180", bound="more_than",
                         period="2025", speaker="the mayor's office"),
                ],
            ),
            (
                "It wants at least 300 of them by 2027.",
                [
                    Said("at least 300", CITY, "registered_models", "300", bound="at_least",
                         modality="target", period="2027"),
                ],
            ),
            (
                "Vouchers worth up to 50 million yuan are planned for small firms.",
                [
                    Said("up to 50 million yuan", OTHER, "voucher_amount", "50000000", unit="CNY",
                         bound="up_to", modality="planned", period="2026"),
                ],
            ),
            (
                "An assistant built there is used by 25.3 million people a month.",
                [Said("25.3 million", "app:harbour-assistant", "users", "25300000")],
            ),
        ],
    )  # fmt: skip


def _correio() -> Report:
    return Report(
        name="correio.txt",
        language="pt",
        title="As cidades que registram modelos",
        publisher="Correio do Cais",
        published="2025-01-20",
        sentences=[
            (
                "Segundo a prefeitura, 105 grandes modelos estavam registrados no fim de 2024.",
                [Said("105", CITY, "registered_models", "105", period="2024-12-31",
                      speaker="a prefeitura")],
            ),
            (
                "O setor central vale mais de 300 bilhões de yuans.",
                [Said("300 bilhões", CITY, "ai_core_industry_value", "300000000000", unit="CNY",
                      bound="more_than", scope="core AI sector")],
            ),
            (
                "Estima-se que a cidade tenha 140 modelos até o meio do ano.",
                [Said("140", CITY, "registered_models", "140", bound="about",
                      modality="estimated", period="2025-H1")],
            ),
            (
                "A cidade é a primeira do país em modelos registrados.",
                [Said("primeira", CITY, "rank_registered_models", "1", unit="ordinal",
                      scope="China")],
            ),
        ],
    )  # fmt: skip


def _wanbao() -> Report:
    return Report(
        name="wanbao.txt",
        language="zh",
        title="海港城市的人工智能账本",
        publisher="海港晚报",
        published="2026-01-08",
        sentences=[
            (
                "截至去年底，全市登记的大模型共195个。",
                [Said("195个", CITY, "registered_models", "195", period="2025")],
            ),
            (
                "全市人工智能产业规模达4500亿元。",
                [Said("4500亿元", CITY, "ai_core_industry_value", "450000000000", unit="CNY",
                      period="2025", scope="AI industry")],
            ),
            (
                "核心产业规模在3500亿元至4000亿元之间。",
                [
                    Said("3500亿元", CITY, "ai_core_industry_value", "350000000000", unit="CNY",
                         bound="at_least", period="2025-H1", scope="core AI sector"),
                    Said("4000亿元", CITY, "ai_core_industry_value", "400000000000", unit="CNY",
                         bound="at_most", period="2025-H1", scope="core AI sector"),
                ],
            ),
        ],
    )  # fmt: skip


def _vestnik() -> Report:
    return Report(
        name="vestnik.txt",
        language="ru",
        title="Города считают модели",
        publisher="Портовый вестник",
        published="2026-02-02",
        sentences=[
            (
                "По данным управления, в 2025 году в городе зарегистрированы 183 модели.",
                [Said("183", CITY, "registered_models", "183", period="2025",
                      speaker="управление")],
            ),
            (
                "В первом полугодии отрасль выросла на 25,3 %.",
                [Said("25,3 %", CITY, "growth_rate", "25.3", unit="percent", period="2025-H1",
                      scope="core AI sector")],
            ),
            (
                "За весь год рост превысил 18 %.",
                [Said("18 %", CITY, "growth_rate", "18", unit="percent", bound="more_than",
                      period="2025", scope="AI industry")],
            ),
        ],
    )  # fmt: skip


def _anzeiger() -> Report:
    return Report(
        name="anzeiger.txt",
        language="de",
        title="Modelle, Gutscheine, Rechenzentren",
        publisher="Hafen-Anzeiger",
        sentences=[
            (
                "Rund 190 Modelle seien gemeldet, für 2026 sind 240 geplant.",
                [
                    Said("Rund 190", CITY, "registered_models", "190", bound="about"),
                    Said("240", CITY, "registered_models", "240", modality="planned",
                         period="2026"),
                ],
            ),
            (
                "Ein Rechenzentrum mit höchstens 120 MW soll folgen.",
                [Said("höchstens 120 MW", OTHER, "power_capacity", "120000000", unit="W",
                      bound="at_most", modality="planned", period="2027")],
            ),
        ],

    )  # fmt: skip


def _sahifa() -> Report:
    return Report(
        name="sahifa.txt",
        language="ar",
        title="مدن الذكاء الاصطناعي",
        publisher="صحيفة الميناء",
        sentences=[
            (
                "تضم المدينة أكثر من 2400 شركة ذكاء اصطناعي.",
                [Said("أكثر من 2400", CITY, "ai_companies", "2400", bound="more_than")],
            ),
        ],
    )  # fmt: skip

"""Measures and subjects by the sentence's structure; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.reader.reader import read
from mains.reports.values import Claim, Status
from tests.reports.reader.builders import claims, document


def bound(found: tuple[Claim, ...], value: str) -> tuple[str | None, str | None, Status]:
    (claim,) = [c for c in found if c.value == value and not c.is_neutral]
    return claim.subject, claim.measure, claim.status


@pytest.mark.parametrize(
    ("language", "text", "value", "subject", "measure"),
    [
        ("en", "Leipzig is home to 310 AI companies.", "310", "city:leipzig", "ai_companies"),
        ("pt", "Recife reúne 310 empresas de IA.", "310", "city:recife", "ai_companies"),
        ("it", "Genova conta 310 imprese dell'IA.", "310", "city:genoa", "ai_companies"),
        ("fr", "Lille compte 310 entreprises d'IA.", "310", "city:lille", "ai_companies"),
        ("es", "Bilbao suma 310 empresas de IA.", "310", "city:bilbao", "ai_companies"),
        ("de", "In Dresden arbeiten 310 KI-Unternehmen.", "310", "city:dresden", "ai_companies"),
        ("ru", "В Казани работает 310 ИИ-компаний.", "310", "city:kazan", "ai_companies"),
        ("zh", "合肥有310家人工智能企业。", "310", "city:hefei", "ai_companies"),
    ],
)
def test_the_noun_counted_names_the_measure(
    language: str, text: str, value: str, subject: str, measure: str
) -> None:
    found = claims(text, language=language)
    assert bound(found, value) == (subject, measure, Status.ACCEPTED)


@pytest.mark.parametrize(
    ("language", "text", "subject"),
    [
        ("en", "The AI market of Canada reached 9 billion dollars.", "country:canada"),
        ("pt", "O mercado de IA do Chile chegou a 9 bilhões de dólares.", "country:chile"),
        ("it", "Il mercato dell'IA in Polonia vale 9 miliardi di dollari.", "country:poland"),
        ("fr", "Le marché de l'IA au Maroc a atteint 9 milliards de dollars.", "country:morocco"),
        ("es", "El mercado de IA de Perú alcanzó 9.000 millones de dólares.", "country:peru"),
        ("de", "Der KI-Markt in Polen erreichte 9 Milliarden Dollar.", "country:poland"),
        ("ru", "Рынок ИИ в Казахстане составил 9 млрд долларов.", "country:kazakhstan"),
        ("zh", "越南人工智能市场规模达90亿美元。", "country:vietnam"),
    ],
)
def test_a_governing_noun_names_the_amount_and_its_owner(
    language: str, text: str, subject: str
) -> None:
    found = claims(text, language=language)
    assert bound(found, "9000000000") == (subject, "ai_market_value", Status.ACCEPTED)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Helsing raised 450 million euros."),
        ("pt", "A Helsing captou 450 milhões de euros."),
        ("it", "Helsing ha raccolto 450 milioni di euro."),
        ("fr", "Helsing a levé 450 millions d'euros."),
        ("es", "Helsing captó 450 millones de euros."),
        ("de", "Helsing hat 450 Millionen Euro eingesammelt."),
        ("ru", "Helsing привлек 450 млн евро."),
        ("zh", "Helsing完成融资4.5亿欧元。"),
    ],
)
def test_a_verb_names_the_measure(language: str, text: str) -> None:
    found = claims(text, language=language)
    assert bound(found, "450000000") == ("org:helsing", "funding_amount", Status.ACCEPTED)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Milan has 120 AI start-ups and Turin 45."),
        ("pt", "Milão tem 120 startups de IA e Turim, 45."),
        ("it", "Milano ha 120 startup di IA e Torino 45."),
        ("fr", "Milan compte 120 start-up d'IA et Turin 45."),
        ("es", "Milán tiene 120 startups de IA y Turín, 45."),
        ("zh", "米兰有120家初创企业，都灵有45家。"),
    ],
)
def test_a_number_that_stands_alone_takes_over_the_measure(language: str, text: str) -> None:
    found = claims(text, language=language)
    assert bound(found, "120")[:2] == ("city:milan", "ai_startups")
    assert bound(found, "45")[:2] == ("city:turin", "ai_startups")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Porto opened a centre. The city now has 88 AI companies."),
        ("pt", "O Porto abriu um centro. A cidade já tem 88 empresas de IA."),
        ("fr", "Porto a ouvert un centre. La ville compte 88 entreprises d'IA."),
        ("de", "Porto hat ein Zentrum eröffnet. Die Stadt zählt 88 KI-Unternehmen."),
        ("es", "Oporto abrió un centro. La ciudad suma 88 empresas de IA."),
        ("zh", "波士顿启用了新中心。全市有88家人工智能企业。"),
    ],
)
def test_a_stand_in_means_what_the_sentence_before_is_about(language: str, text: str) -> None:
    subject, measure, status = bound(claims(text, language=language), "88")
    assert subject in {"city:porto", "city:boston"}
    assert (measure, status) == ("ai_companies", Status.ACCEPTED)


def test_one_superlative_over_several_nouns_gives_one_claim_each() -> None:
    text = "Grenoble has the largest number of national laboratories and AI experts in France."
    found = claims(text, language="en")
    ranked = {claim.measure for claim in found if claim.unit == "ordinal"}
    assert ranked == {"rank_national_laboratories", "rank_ai_experts"}
    assert all(claim.subject == "city:grenoble" for claim in found if claim.unit == "ordinal")


def test_a_rank_is_of_what_the_clause_before_counts() -> None:
    text = "Wuhan hat 64 registrierte Großmodelle und liegt damit auf dem dritten Platz in China."
    found = claims(text, language="de")
    (rank,) = [claim for claim in found if claim.unit == "ordinal"]
    assert (rank.subject, rank.measure, rank.value) == ("city:wuhan", "rank_registered_models", "3")


def test_two_lists_of_equal_length_correspond() -> None:
    found = claims("Lyon and Nice have 31 and 12 AI companies respectively.", language="en")
    assert bound(found, "31")[0] == "city:lyon"
    assert bound(found, "12")[0] == "city:nice"


def test_a_noun_that_no_pack_knows_is_queued_with_its_value() -> None:
    found = claims("Graz planted 4,200 lindens along the ring road.", language="en")
    (claim,) = [c for c in found if c.value == "4200"]
    assert claim.status is Status.QUEUED
    assert claim.reasons[0].code.startswith("measure_")
    assert claim.quote == "4,200"


def test_an_unknown_language_gives_figures_that_are_all_queued() -> None:
    found = claims("Tallinnas on 310 ettevõtet ja 4500 töötajat.", language="et")
    figures = [claim for claim in found if not claim.is_neutral]
    assert {claim.value for claim in figures} >= {"310", "4500"}
    assert all(claim.status is Status.QUEUED for claim in figures)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Lyon runs compute vouchers. They cover 40 percent of the cost."),
        ("fr", "Lyon propose des bons de calcul. Ils couvrent 40 % des dépenses."),
        ("it", "Lione offre voucher di calcolo. Coprono il 40% della spesa."),
    ],
)
def test_a_scheme_is_called_after_its_place(language: str, text: str) -> None:
    found = claims(text, language=language)
    assert bound(found, "40")[:2] == ("programme:lyon-compute-vouchers", "subsidy_rate")


def test_a_conversion_is_of_the_same_thing_and_names_its_partner() -> None:
    text = "Black Forest Labs raised 300 million dollars (about 257 million euros)."
    found = claims(text, language="en")
    dollars, euros = (c for c in found if not c.is_neutral)
    assert (euros.measure, euros.subject) == (dollars.measure, dollars.subject)
    assert (euros.pair, dollars.pair) == (dollars.id, euros.id)


def test_a_headline_pairs_with_the_figure_that_it_rounds() -> None:
    found = claims(
        "In Bologna sono attive 612 imprese dell'IA.",
        language="it",
        title="Bologna, oltre 600 imprese dell'IA",
    )
    headline, body = (c for c in found if not c.is_neutral)
    assert (headline.pair, body.pair) == (body.id, headline.id)
    assert headline.scope == "headline"


def test_a_dateline_is_nobody_s_figure() -> None:
    text = "MADRID, 14 January 2026 — Valencia counted 210 AI companies, the regional office said."
    assert bound(claims(text, language="en"), "210")[0] == "city:valencia"


def test_a_name_is_found_by_its_looks_where_nothing_says_what_it_is() -> None:
    found = claims("Компания Nordlicht привлекла 30 млн евро.", language="ru")
    assert bound(found, "30000000")[:2] == ("org:nordlicht", "funding_amount")


def test_a_year_in_the_name_of_an_event_is_its_date() -> None:
    found = claims("The stands of Web Summit 2025 are gone.", language="en")
    (claim,) = [c for c in found if c.measure == "event_date"]
    assert (claim.subject, claim.value) == ("event:web-summit-2025", "2025")


def test_every_claim_opens_at_its_span_and_reading_twice_gives_equal_ids() -> None:
    given = document(
        "O programa de Recife paga até 30 mil reais por empresa; a verba é de 9 milhões de reais.",
        language="pt",
    )
    first, second = read(given), read(given)
    assert first == second
    assert all(given.text[c.start : c.end] == c.quote for c in first.claims)
    assert len({claim.id for claim in first.claims}) == len(first.claims)


def test_an_organisation_may_be_what_a_date_is_of() -> None:
    found = claims("Helsing opened on 4 May 2025.", language="en")
    (claim,) = [c for c in found if c.measure == "event_date"]
    assert (claim.subject, claim.value) == ("org:helsing", "2025-05-04")


@pytest.mark.parametrize(
    "text",
    [
        "合肥有310家人工智能企业，数量居全国第三位；初创企业达到88家。",
        "合肥有310家人工智能企业，数量居全国第三位，初创企业达到88家。",
    ],
)
def test_a_place_never_ranks_what_stands_behind_a_mark(text: str) -> None:
    found = claims(text, language="zh")
    (rank,) = [c for c in found if c.unit == "ordinal"]
    assert rank.measure == "rank_ai_companies"


def test_a_measure_is_carried_only_across_the_same_counting_word() -> None:
    found = claims("合肥有64款备案大模型，签约31个，苏州12款。", language="zh")
    measures = {c.value: c.measure for c in found if not c.is_neutral}
    assert measures["64"] == measures["12"] == "registered_models"
    assert measures["31"] != "registered_models"


def test_a_date_behind_the_verb_of_an_event_is_its_date_though_a_figure_stands_before() -> None:
    found = claims("The 90-megawatt Helsing site opened in March 2025.", language="en")
    dates = {c.value for c in found if c.measure == "event_date"}
    assert dates == {"2025-03"}

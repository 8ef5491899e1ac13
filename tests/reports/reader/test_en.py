"""English: figures behind hyphens, levels of a change, look-alikes; text in our own words."""

from __future__ import annotations

import pytest

from mains.reports.values import Claim
from tests.reports.reader.builders import claims


def figures(text: str) -> list[Claim]:
    return [claim for claim in claims(text, language="en") if not claim.is_neutral]


def read_one(text: str, value: str) -> Claim:
    (claim,) = [claim for claim in figures(text) if claim.value == value]
    return claim


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("Leeds hosts 4,200 GPUs in two halls.", "4200", "accelerators"),
        ("Leeds is home to 310 AI firms.", "310", "ai_companies"),
        ("Leeds is home to 45 above-scale AI firms.", "45", "leading_firms"),
        ("Leeds is home to 64 AI start-ups.", "64", "ai_startups"),
        ("Leeds picked 21 start-ups that were selected by a jury.", "21", "firms_selected"),
        ("Chengdu has registered 17 generative AI services.", "17", "registered_models"),
        ("Zhipu AI has open-sourced more than 30 models.", "30", "open_source_models_released"),
        ("Siemens employs about 900 people in Leeds.", "900", "staff"),
        ("Leeds wants to create 900 skilled jobs by 2028.", "900", "jobs_created"),
        ("Leeds plans to train 900 teachers by 2028.", "900", "people_trained"),
        ("Some 900 firms in Leeds were polled for the survey.", "900", "survey_sample"),
        ("Mistral AI signed a $2 billion deal with Orange.", "2000000000", "deal_value"),
        ("Mistral AI raised $2 billion from funds.", "2000000000", "funding_amount"),
        ("Leeds attracted £2bn in private investment.", "2000000000", "investment_amount"),
        ("The round values Mistral AI at $9 billion.", "9000000000", "valuation"),
        ("Siemens sold $2 billion of convertible bonds.", "2000000000", "bond_amount"),
        ("Siemens made a net loss of $2 billion.", "-2000000000", "profit"),
        ("Siemens had revenue of $2 billion.", "2000000000", "revenue"),
        ("Shares of Siemens gained 2.4% in early trading.", "2.4", "share_price_change"),
        ("Siemens holds a market share of 24 percent.", "24", "market_share"),
        ("Leeds set up a £70m AI fund.", "70000000", "fund_size"),
        ("AI could add £70bn to Britain's GDP.", "70000000000", "ai_gdp_contribution"),
        ("A supercomputer in Leeds delivers 30 petaflops.", "30" + "0" * 15, "compute_capacity"),
        ("Servers in Leeds used 3 terawatt-hours of electricity.", "3" + "0" * 12, "power_demand"),
    ],
)
def test_measures_and_their_look_alikes(text: str, value: str, measure: str) -> None:
    assert read_one(text, value).measure == measure


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("The C$40-million fund opened in Leeds.", "40000000", "CAD"),
        ("Kerala runs a Rs 600-crore AI fund.", "6000000000", "INR"),
        ("A $7 billion deal was signed in Leeds.", "7000000000", "USD"),
        ("The AI industry in Leeds is set to top 3 billion pounds.", "3000000000", "GBP"),
        ("The first 60 MW of the site in Leeds went live.", "60000000", "W"),
        ("Leeds wants to reach 20 AI exaflops.", "20" + "0" * 18, "FLOPS"),
    ],
)
def test_a_figure_keeps_magnitude_and_unit(text: str, value: str, unit: str) -> None:
    assert read_one(text, value).unit == unit


def test_a_hyphen_leads_on_from_millions_to_what_they_count() -> None:
    text = "Mistral AI, which raised $90 million, released a 24-billion-parameter model."
    assert read_one(text, "24000000000").unit == "count"


@pytest.mark.parametrize("value", ["19", "26"])
def test_the_levels_of_a_change_are_no_growth(value: str) -> None:
    text = "AI adoption in Poland rose from 19 percent to 26 percent."
    assert read_one(text, value).measure == "adoption_rate"


def test_a_limit_is_no_rise() -> None:
    text = "Leeds refunds half the cost of training, up to a ceiling of £5,000 per company."
    assert all(claim.measure != "growth_rate" for claim in figures(text))


def test_a_noun_behind_a_preposition_is_not_counted() -> None:
    (claim,) = figures("The ministry in Leeds received 88 letters for models.")
    assert "models" not in (claim.measure or "") or claim.status.value != "accepted"


def test_jobs_that_are_cut_are_not_created() -> None:
    assert all(c.measure != "jobs_created" for c in figures("Siemens will cut 400 jobs."))


def test_second_only_to_is_a_place() -> None:
    text = "Leeds has 64 AI start-ups, second only to London."
    (rank,) = [claim for claim in figures(text) if claim.unit == "ordinal"]
    assert (rank.value, rank.measure) == ("2", "rank_ai_startups")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Shares of Siemens slipped 2.4% in early trading.", "-2.4"),
        ("Venture funding in Leeds was down 12 percent on the year.", "-12"),
        ("Venture funding in Leeds rose 12 percent on the year.", "12"),
    ],
)
def test_a_fall_is_a_value_below_zero(text: str, value: str) -> None:
    assert [claim.value for claim in figures(text)] == [value]


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("Leeds set aside £3m for computing vouchers.", "3000000", "subsidy_pool"),
        ("Leeds pays grants of up to £20,000 per firm.", "20000", "subsidy_cap"),
        ("The scheme in Leeds covers 60 per cent of eligible spending.", "60", "subsidy_rate"),
        ("In Leeds an H100 costs £2.40 an hour.", "2.4", "gpu_hour_price"),
        ("Wayve mopped up $80 million from funds.", "80000000", "funding_amount"),
        ("Wayve booked $80 million in sales.", "80000000", "revenue"),
        ("Siemens priced a green bond of $2 billion.", "2000000000", "bond_amount"),
        ("Leeds counts 140 companies active in artificial intelligence.", "140", "ai_companies"),
        ("In Leeds 900 workers completed a course in AI.", "900", "people_trained"),
        ("The campus in Leeds has a sanctioned load of 40 MW.", "40000000", "power_capacity"),
        ("Power needs of servers in Leeds come to 40 MW.", "40000000", "power_demand"),
        ("A cluster in Leeds runs on 512 Nvidia superchips.", "512", "accelerators"),
        ("Sales of robots in Leeds grew twentyfold.", "20", "growth_rate"),
    ],
)
def test_other_words_for_the_same_measures(text: str, value: str, measure: str) -> None:
    assert read_one(text, value).measure == measure


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("Kenya will spend Sh2.5 billion on a supercomputer.", "2500000000", "KES"),
        ("Lagos set up an AI fund of 3 billion naira.", "3000000000", "NGN"),
        ("Johor attracted RM4.2 billion in private investment.", "4200000000", "MYR"),
    ],
)
def test_currencies_of_other_countries(text: str, value: str, unit: str) -> None:
    assert read_one(text, value).unit == unit


def test_a_rate_that_drops_to_a_level_is_no_fall() -> None:
    text = "The subsidy rate in Leeds drops to 60 per cent of the cost."
    assert read_one(text, "60").measure == "subsidy_rate"


@pytest.mark.parametrize(
    ("text", "value", "subject"),
    [
        ("The AI campus in Leeds will get 40 MW.", "40000000", "platform:leeds-ai-campus"),
        ("The AI factory in Leeds holds 4,200 GPUs.", "4200", "platform:leeds-ai-factory"),
        ("The Leeds GPU voucher pays up to £20,000.", "20000", "programme:leeds-compute-vouchers"),
    ],
)
def test_sites_and_schemes_are_called_after_their_place(
    text: str, value: str, subject: str
) -> None:
    assert read_one(text, value).subject == subject


@pytest.mark.parametrize(
    ("text", "value", "modality"),
    [
        ("The site in Leeds is tipped to create 900 jobs.", "900", "estimated"),
        ("Siemens has pledged to invest £2bn in Leeds.", "2000000000", "planned"),
        ("Leeds is aspiring to have 900 AI companies.", "900", "target"),
    ],
)
def test_what_is_foreseen(text: str, value: str, modality: str) -> None:
    assert read_one(text, value).modality == modality


def test_an_article_in_capitals_makes_no_name() -> None:
    found = claims("The AI Factory will hold 4,200 GPUs. The Fund has 30 staff.", language="en")
    assert all("the-" not in (claim.subject or "") for claim in found)

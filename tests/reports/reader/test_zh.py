"""Chinese: how newsrooms write figures, and what they call what they count."""

from __future__ import annotations

import pytest

from mains.reports.values import Bound, Claim
from tests.reports.reader.builders import claims


def read_one(text: str, value: str) -> Claim:
    found = [c for c in claims(text, language="zh") if c.value == value and not c.is_neutral]
    assert len(found) == 1, [(c.quote, c.value, c.measure) for c in claims(text, language="zh")]
    return found[0]


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("宁波数据中心年用电量为3亿千瓦时。", "300000000000", "Wh"),
        ("该省装机容量达4500万千瓦。", "45000000000", "W"),
        ("太原新建超算，运算速度为每秒2.5亿亿次。", "25000000000000000", "FLOPS"),
        ("英伟达向NAVER供应7万块芯片。", "70000", "count"),
        ("采购方中，NAVER7万块，三星3万块。", "70000", "count"),
        ("微软向OpenAI100亿美元的投资引发关注。", "10000000000", "USD"),
    ],
)
def test_magnitudes_belong_to_the_number_or_to_the_unit(text: str, value: str, unit: str) -> None:
    assert read_one(text, value).unit == unit


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("厦门有320家以上人工智能企业。", "320", Bound.AT_LEAST),
        ("厦门有320多家人工智能企业。", "320", Bound.MORE_THAN),
        ("厦门算力券每家企业最多可领80万元。", "800000", Bound.UP_TO),
        ("厦门算力券每家企业不得超过80万元。", "800000", Bound.AT_MOST),
        ("厦门人工智能企业尚不足320家。", "320", Bound.AT_MOST),
        ("厦门支持12.8万字上下文的模型备案。", "128000", Bound.EXACT),
    ],
)
def test_bound_words_stand_before_and_behind(text: str, value: str, bound: Bound) -> None:
    assert read_one(text, value).bound is bound


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("无锡累计完成备案21款。", "21", "registered_models"),
        ("无锡有21款大模型通过备案。", "21", "registered_models"),
        ("无锡新增完成登记的生成式人工智能服务21款。", "21", "registered_applications"),
        ("无锡有21家专精特新企业。", "21", "leading_firms"),
        ("无锡有21家初创企业。", "21", "ai_startups"),
        ("无锡算力券已累计支持企业21家。", "21", "firms_selected"),
        ("无锡人工智能核心产业规模达700亿元。", "70000000000", "ai_core_industry_value"),
        ("无锡人工智能产业规模达700亿元。", "70000000000", "ai_industry_value"),
        ("无锡设立总规模700亿元的产业基金。", "70000000000", "fund_size"),
        ("无锡每年资金总额7000万元的算力券已开放申领。", "70000000", "subsidy_pool"),
        ("无锡算力券单个企业每年累计不超过70万元。", "700000", "subsidy_cap"),
        ("无锡对备案企业一次性奖励70万元。", "700000", "subsidy_amount"),
        ("无锡算力券补贴比例不高于35%。", "35", "subsidy_rate"),
        ("德国企业的人工智能应用率为35%。", "35", "adoption_rate"),
        ("在调查中，德国35%的受访高管担心成本。", "35", "survey_share"),
        ("英伟达以35%的市场份额领先。", "35", "market_share"),
        ("英伟达占据35%的市场份额。", "35", "market_share"),
        ("商汤净亏损7亿元。", "700000000", "profit"),
        ("商汤营业收入7亿元。", "700000000", "revenue"),
        ("商汤完成7亿元B轮融资。", "700000000", "funding_amount"),
        ("商汤投后估值达7亿元。", "700000000", "valuation"),
        ("商汤员工总数为3500人。", "3500", "staff"),
        ("通义千问系列模型全球累计下载量为7亿次。", "700000000", "model_downloads"),
        ("无锡智算中心标准机柜7000架。", "7000", "hardware_units"),
        ("无锡部署国产算力卡7000张。", "7000", "accelerators"),
    ],
)
def test_words_tell_one_measure_from_its_likes(text: str, value: str, measure: str) -> None:
    assert read_one(text, value).measure == measure


def test_the_noun_before_number_and_counting_word_is_counted() -> None:
    text = "福州有人工智能企业640家、备案大模型17款。"
    assert read_one(text, "640").measure == "ai_companies"
    assert read_one(text, "17").measure == "registered_models"


def test_a_noun_behind_a_range_is_of_both_its_ends() -> None:
    text = "福州将建设3至5家孵化器。"
    assert read_one(text, "3").measure == "innovation_platforms"
    assert read_one(text, "5").measure == "innovation_platforms"


def test_names_and_figures_stand_in_the_same_order() -> None:
    text = "上海、广州分别有88款和41款备案大模型，排在第二、第三位。"
    assert read_one(text, "88").subject == "city:shanghai"
    assert read_one(text, "41").subject == "city:guangzhou"
    assert read_one(text, "2").subject == "city:shanghai"
    assert read_one(text, "3").subject == "city:guangzhou"


def test_a_year_glued_before_the_name_of_an_event_is_its_date() -> None:
    found = claims("2026世界人工智能大会在上海筹备。", language="zh")
    (claim,) = [c for c in found if c.measure == "event_date"]
    assert (claim.subject, claim.value) == ("event:waic-2026", "2026")


@pytest.mark.parametrize(
    "text", ["【3】温州发布公告。", "门票可享八折优惠。", "第十二届交易会开幕。"]
)
def test_numbers_of_lists_and_names_are_neutral(text: str) -> None:
    assert all(c.is_neutral for c in claims(text, language="zh"))

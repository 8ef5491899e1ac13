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
        ("商汤净亏损7亿元。", "-700000000", "profit"),
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


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("廈門市企業的使用率為八成半。", "85", "percent"),
        ("廈門企業中有三成五已導入AI。", "35", "percent"),
        ("受访企业中，每三家就有两家用上人工智能。", "66.7", "percent"),
        ("台灣新創今年募資12億元。", "1200000000", "TWD"),
        ("台灣的資料中心投資達1.5兆元。", "1500000000000", "TWD"),
        ("泉州数据中心装机容量为240兆瓦。", "240000000", "W"),
        ("泉州将审核时限压缩至15个工作日。", "15", "day"),
        ("墨西哥的超算预算为45亿比索。", "4500000000", "MXN"),
    ],
)
def test_figures_are_found_as_each_place_writes_them(text: str, value: str, unit: str) -> None:
    assert read_one(text, value).unit == unit


@pytest.mark.parametrize(
    ("text", "value", "measure", "subject"),
    [
        ("香港數碼港投入資金30億港元。", "3000000000", "investment_amount", "org:cyberport"),
        ("高雄市補助AI新創42家。", "42", "ai_startups", "city:kaohsiung"),
        ("聯發科單季稅後淨利達270億元。", "27000000000", "profit", "org:mediatek"),
        ("鴻海營收年減12%。", "-12", "growth_rate", "org:foxconn"),
        ("寒武纪股价微跌2.5%。", "-2.5", "share_price_change", "org:cambricon"),
    ],
)
def test_traditional_characters_are_read_as_simplified_ones(
    text: str, value: str, measure: str, subject: str
) -> None:
    claim = read_one(text, value)
    assert (claim.measure, claim.subject) == (measure, subject)


@pytest.mark.parametrize(
    ("text", "value", "measure"),
    [
        ("泉州智算产业园单项目平均投资额为7亿元。", "700000000", "project_cost"),
        ("泉州算力券已有21家单位领券。", "21", "firms_selected"),
        ("泉州算力券带动算力消费7000万元。", "70000000", "business_volume"),
        ("泉州首次申领的企业可获赠7万元体验券。", "70000", "voucher_amount"),
        ("泉州要求单个合同金额在7万元以上。", "70000", "tier_threshold"),
        ("泉州智算中心的上架率为35%。", "35", "share"),
        ("本周泉州公开融资21起。", "21", "funding_rounds"),
        ("商汤配售集资7亿港元。", "700000000", "funding_amount"),
        ("泉州数据中心绿电使用比例不低于35%。", "35", "share"),
        ("泉州已开放场景21个。", "21", "scenario_applications"),
        ("百度获得授信前发行离岸人民币债券7亿元。", "700000000", "bond_amount"),
        ("泉州人工智能专项资金安排7亿元。", "700000000", "ai_budget"),
    ],
)
def test_offices_companies_and_exchanges_have_words_of_their_own(
    text: str, value: str, measure: str
) -> None:
    assert read_one(text, value).measure == measure


@pytest.mark.parametrize(
    ("text", "value", "subject"),
    [
        ("泉州算力平台接入算力700P。", "700000000000000000", "platform:quanzhou-compute-platform"),
        ("泉州人工智能产业基金总规模70亿元。", "7000000000", "programme:quanzhou-ai-fund"),
        ("泉州智算产业园总投资70亿元。", "7000000000", "platform:quanzhou-campus"),
        ("泉州数据中心总投资70亿元。", "7000000000", "platform:quanzhou-data-centre"),
    ],
)
def test_sites_and_funds_are_called_after_their_place(text: str, value: str, subject: str) -> None:
    assert read_one(text, value).subject == subject


@pytest.mark.parametrize(
    "text",
    ["兆芯发布新品。", "双千兆网络已经建成。", "成都超前布局未来产业。", "这是几年来的变化。"],
)
def test_magnitudes_and_bounds_inside_other_words_are_none(text: str) -> None:
    assert all(c.is_neutral for c in claims(text, language="zh"))


@pytest.mark.parametrize(
    ("text", "value", "unit", "bound"),
    [
        ("厦门营收增长逾一倍。", "2", "ratio", Bound.MORE_THAN),
        ("厦门算力规模较2023年翻了近两番。", "4", "ratio", Bound.ABOUT),
        ("厦门过半受访者表示担忧。", "50", "percent", Bound.MORE_THAN),
        ("厦门百余家企业参加。", "100", "count", Bound.MORE_THAN),
        ("厦门有十几家人工智能企业。", "10", "count", Bound.MORE_THAN),
        ("厦门二十几家人工智能企业参加。", "20", "count", Bound.MORE_THAN),
        ("厦门三四十家人工智能企业参加。", "30", "count", Bound.AT_LEAST),
        ("厦门三四十家人工智能企业参加。", "40", "count", Bound.AT_MOST),
        ("厦门七八成企业已试点。", "70", "percent", Bound.AT_LEAST),
        ("厦门用了两三年时间。", "3", "year", Bound.AT_MOST),
        ("厦门使用绿电的比例介于15%和20%之间。", "15", "percent", Bound.AT_LEAST),
        ("厦门人工智能企业年营收500万元（含）以上。", "5000000", "CNY", Bound.AT_LEAST),
        ("厦门算力券补贴不得超过项目总投资的三成。", "30", "percent", Bound.AT_MOST),
        ("厦门算力租赁价格约为每卡时8元。", "8", "CNY", Bound.ABOUT),
        ("厦门审批用时不到3分钟。", "3", "minute", Bound.AT_MOST),
        ("厦门训练消耗278万GPU小时。", "2780000", "hour", Bound.EXACT),
        ("厦门智算规模占全省的近1/3。", "33.3", "percent", Bound.ABOUT),
        ("厦门六分之五的企业已试点。", "83.3", "percent", Bound.EXACT),
        ("厦门企业的占比为千分之三。", "0.3", "percent", Bound.EXACT),
        ("厦门每五家企业就有一家使用人工智能。", "20", "percent", Bound.EXACT),
        ("厦门每两名员工中有一名使用人工智能。", "50", "percent", Bound.EXACT),
    ],
)
def test_numbers_are_found_with_the_bounds_between_their_parts(
    text: str, value: str, unit: str, bound: Bound
) -> None:
    claim = read_one(text, value)
    assert (claim.unit, claim.bound) == (unit, bound)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("商汤净利润-3.46亿元。", "-346000000"),
        ("商汤净利润为负1.2亿元。", "-120000000"),
        ("商汤净亏损收窄至1.8亿元。", "-180000000"),
        ("商汤预计亏损2亿元至2.5亿元。", "-250000000"),
        ("厦门产值同比增长-2.3%。", "-2.3"),
    ],
)
def test_a_minus_and_a_word_of_loss_hold_for_the_whole_range(text: str, value: str) -> None:
    assert read_one(text, value).value == value


@pytest.mark.parametrize(
    "text",
    [
        "厦门完成数千万元天使轮融资。",
        "厦门吸引数十亿元投资。",
        "①加大投入；②培育人才。",
        "厦门建成5G专网。",
        "每百万词元计费。",
        "厦门一二线城市。",
        "厦门构建“1+N”政策体系。",
        "厦门入选世界500强。",
        "中美两国开会。",
        "会议于上午9时30分开始。",
        "厦门跻身全国第一方阵。",
        "厦门平台7×24小时服务。",
        "厦门市文一西路969号。",
    ],
)
def test_what_lists_names_or_says_no_number_is_no_figure(text: str) -> None:
    assert [c for c in claims(text, language="zh") if not c.is_neutral] == []

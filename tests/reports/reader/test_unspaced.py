"""Names in Han that no pack knows: where they begin, what they are, and how slugs spell them."""

from __future__ import annotations

import pytest

from mains.reports.packs import load_pack
from mains.reports.reader.lexicon import lexicon
from mains.reports.reader.romanising import pinyin, slug
from tests.reports.reader.builders import claims
from tests.reports.reader.test_naming import ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("昨日，汐州市举行签约仪式。", "city:xizhou"),
        ("记者从汐州市了解到，项目已开工。", "city:xizhou"),
        ("关于《柏城市算力券管理办法》的解读。", "programme:baicheng-compute-vouchers"),
        ("岚石新区对企业给予奖励。", "region:lanshi-new-area"),
        ("建设单位为澜川数智科技有限公司。", "org:lanchuan-shuzhi"),
        ("来自苏州的岭舟科技中标。", "org:lingzhou-technology"),
        ("初创企业岭舟智能完成新一轮融资。", "org:lingzhou-zhineng"),
        ("杭州一家叫“岭舟智能”的创业公司融资。", "org:lingzhou-zhineng"),
        ("我们和岭东学院合办专业。", "org:lingdong-college"),
        ("新建岭舟智算中心一座。", "platform:lingzhou-computing-centre"),
        ("“百谷千人计划”今年启动。", "programme:baigu-qianren"),
        ("「岭舟」大模型已經備案。", "model:lingzhou"),
        ("2025岭南海人工智能博览会闭幕。", "event:lingnanhai-ai-expo-2025"),
        ("三星SDS与高校合作。", "org:samsung-sds"),
        ("在此基础上训练的“岭舟”翻译模型已发布。", "model:lingzhou"),
        ("长春的“旗岭”座舱大模型已装车。", "model:qiling"),
        ("湖北省楚澜源人工智能母基金完成备案。", "programme:chulanyuan-ai-fund"),
        ("《无锡市面向东盟人工智能算力券管理办法》", "programme:wuxi-compute-vouchers"),
        ("《青年企业智能转型资助计划》开放申请。", "programme:qingnian-qiye-zhineng-zhuanxing"),
        ("无锡绿色智算中心投入运行。", "platform:wuxi-green-computing-centre"),
        ("无锡理工大学开设专业。", "org:wuxi-university-of-technology"),
        ("札幌的“雪冷”公司（Yukirei）成立。", "org:yukirei"),
    ],
)
def test_an_ending_or_a_noun_beside_tells_a_name(text: str, expected: str) -> None:
    assert expected in ids(text, "zh")


@pytest.mark.parametrize(
    "text",
    [
        "全市超市和中小城市的股市行情。",
        "该公司是一家大公司，旗下上市公司众多。",
        "当地推动人工智能和大型数据中心建设。",
        "评论区和工业园区有什么区别？",
        "48个项目“花落”各区县。",
        "什么是大模型“备案”和“登记”？",
        "企业的工业数据和通信网络需要安全保障。",
        "新增岭舟智能设备。",
        "联合国大会和股东大会召开。",
    ],
)
def test_common_words_with_such_endings_are_no_names(text: str) -> None:
    assert [found for found in ids(text, "zh") if not found.startswith("org:united")] == []


def test_a_name_comes_back_without_its_endings() -> None:
    text = "岚恒数据科技股份有限公司今日公告。岚恒数据营收增长。岚恒的客户增加。"
    assert ids(text, "zh") == ["org:lanheng-data"] * 3


def test_a_city_comes_back_without_its_ending() -> None:
    assert ids("汐州市发布清单。汐州已开放场景。", "zh") == ["city:xizhou"] * 2


def test_a_university_is_not_called_by_its_place_alone() -> None:
    assert ids("岭东学院开设专业。岭东人口不多。", "zh") == ["org:lingdong-college"]


def test_a_name_is_meant_by_what_the_bracket_calls_it() -> None:
    text = "拟建设“岚恒智算产业园”（以下简称“本项目”）。\n\n岭舟科技中标。本项目总投资20亿元。"
    assert ids(text, "zh")[-1] == "platform:lanheng-campus"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", 'The Quell Institute (hereinafter "Ridgework") opened. Ridgework grew.'),
        ("fr", "Le Quell Institut (ci-après « Ridgework ») ouvre. Ridgework grandit."),
        ("de", "Das Unternehmen Quellborn (im Folgenden „Ridgework“) wächst. Ridgework plant."),
    ],
)
def test_other_languages_say_what_they_call_a_name_too(language: str, text: str) -> None:
    found = ids(text, language)
    assert found[0] == found[-1] and "ridgework" not in found[-1]


def test_an_event_is_the_edition_whose_year_the_text_gives() -> None:
    text = "岭海人工智能博览会闭幕。2025岭海人工智能博览会共签约31个项目。"
    assert set(ids(text, "zh")) == {"event:linghai-ai-expo-2025"}


def test_figures_are_about_the_city_that_no_pack_knows() -> None:
    (claim,) = claims("汐州市今年累计开放应用场景237个。", language="zh")
    assert claim.subject == "city:xizhou"


@pytest.mark.parametrize(
    ("han", "latin"),
    [
        ("蓝川智算", "lanchuan-zhisuan"),
        ("法小鹭", "faxiaolu"),
        ("乐清", "yueqing"),
        ("重庆", "chongqing"),
        ("吕", "lu"),
    ],
)
def test_pinyin_joins_two_syllables(han: str, latin: str) -> None:
    assert pinyin(han) == latin


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("巢芯科技", "chaoxin-technology"),
        ("岚恒数据科技股份有限公司", "lanheng-data"),
        ("漓江AI研修班", "lijiang-ai-yanxiuban"),
        ("蓝川智算中心", "lanchuan-computing-centre"),
    ],
)
def test_slugs_write_endings_in_english(name: str, expected: str) -> None:
    assert slug(name, load_pack("zh").derive(lexicon).spelling) == expected

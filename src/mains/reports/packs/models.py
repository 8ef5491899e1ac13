"""The format of the language packs: what a YAML file of `data/` may say, key by key.

An unknown key is refused. Every word of a natural language stands in these files; the code knows
none. Phrases are written in the notation of `phrases.py`; `{n}`, `{ordinal}`, `{year}`, `{month}`,
`{day}`, `{quarter}`, `{half}` and `{latin}` are slots that a reader fills.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Phrases = tuple[str, ...]


class Closed(BaseModel):
    """A mapping that refuses a key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Separators(Closed):
    """What stands inside a written number, beside what CLDR says."""

    decimal: Phrases = ()
    """Characters before the fraction."""
    group: Phrases = ()
    """Characters between groups of digits; a plain space counts only where it is listed."""
    regional: bool = False
    """Some countries of the language swap point and comma: the document's numbers decide."""


class Numbers(Closed):
    """How the language writes numbers in words and letters."""

    words: dict[str, Decimal] = {}
    """Cardinal words with their values; adjacent ones compose (twenty, five)."""
    multipliers: dict[str, Decimal] = {}
    """Words that multiply the smaller number before them (hundred, 十)."""
    scales: dict[str, int] = {}
    """Powers of ten that follow a number: million: 6. Several in a row multiply (万亿)."""
    short_scales: dict[str, int] = {}
    """Letters that are scales only at a currency or glued to digits: M, bn, k."""
    joiners: Phrases = ()
    """Words between two number words that compose (vinte e um)."""
    noun_scales: bool = False
    """Scales are nouns, so that what is counted follows them with "of": a bare number of millions
    without it is an amount (40 millones en bonos)."""
    halves: Phrases = ()
    """Phrases that add one half: "and a half"."""
    unit_halves: Phrases = ()
    """Phrases behind a unit that add half of it: "a year and a half", 一年半."""
    points: Phrases = ()
    """Words between the whole and its decimals: "two point five", 百分之十八点三."""
    lone_scales: Phrases = ()
    """Scales that say one of them without a number before: миллион."""
    fractions: dict[str, Decimal] = {}
    """Words that are numbers only before a scale: "half a" million."""
    compound_parts: dict[str, Decimal] = {}
    """Parts of number words written as one word (fünf, zwanzig), scales and multipliers too."""
    compound_joiners: Phrases = ()
    """Joiners inside such a word (und)."""
    combining: dict[str, Decimal] = {}
    """Number forms that stand before another stem in one word (пяти-, Fünf-)."""
    positional: bool = False
    """Digits written as words in a row form one number (二〇二五)."""
    classifiers: Phrases = ()
    """Counting words; where given, a one-token number word counts only before one of them."""
    ordinals: dict[str, int] = {}
    """Ordinal words."""
    ordinal_patterns: Phrases = ()
    """How an ordinal is written with a number: "{n}th", "第{n}"."""
    ordinal_dot: bool = False
    """A number and a full stop may be an ordinal (15. Plan)."""
    capital_nouns: bool = False
    """Nouns are written with a capital, so that a small letter after a number is no noun."""
    not_ordinals: Phrases = ()
    """Phrases in which an ordinal word is none ("em segundo plano", "at first")."""
    ratios: dict[str, str] = {}
    """Phrases that state a factor: "tripled": 3, "{n} times": n, "增长{n}倍": n+1, "1/n"."""
    shares: dict[str, str] = {}
    """Phrases that state a share as a fraction: "a third": 1/3."""
    articles: Phrases = ()
    """Words of `words` that are numbers only before a scale or a unit (um, one)."""
    not_numbers: Phrases = ()
    """Phrases in which a number word is none ("one of the", 统一)."""
    approximate: Phrases = ()
    """Number words that say "about": a dozen or so, une quinzaine."""
    vague: Phrases = ()
    """Vague quantities: thousands, dezenas."""
    qualifiers: Phrases = ()
    """Numbers that only qualify a noun: "both", "top {n}", "phase {n}"."""


class BoundWords(Closed):
    """Words beside a figure that make it a bound."""

    about: Phrases = ()
    """About, nearly, some."""
    at_least: Phrases = ()
    """At least, no less than."""
    more_than: Phrases = ()
    """More than, and verbs that say so (exceeded)."""
    at_most: Phrases = ()
    """At most, no more than."""
    less_than: Phrases = ()
    """Less than, under; becomes at_most, as there is no strict upper bound."""
    up_to: Phrases = ()
    """Up to."""


class Bounds(BoundWords):
    """Words before a figure that make it a bound."""

    after: BoundWords = BoundWords()
    """The same for words that follow the figure (以上, "or more")."""
    fillers: Phrases = ()
    """Words that may stand between a bound verb and its figure (ultrapassou *os* 25 milhões)."""
    not_bounds: Phrases = ()
    """Phrases that look like bounds and are none (over the next)."""
    not_after_change: Phrases = ()
    """Bound words that are none after a verb of change (поднялась до 47%)."""
    not_before: Phrases = ()
    """Bound words that are none before a duration (over five years)."""
    not_denied: Phrases = ()
    """Phrases with a negation that deny no "more than" after them (not only)."""


class Ranges(Closed):
    """How two figures form a range."""

    between: tuple[tuple[str, str], ...] = ()
    """Pairs of words around the two figures: [between, and], [from, to]."""
    to: Phrases = ()
    """Words between two figures without an opener: 10 to 20; 5%至8%."""
    change: tuple[tuple[str, str], ...] = ()
    """Those of `between` that are no range after a verb of change (rose from 5 to 10)."""
    dash: bool = True
    """A dash between two figures is a range."""


class RegionalCurrency(Closed):
    """A currency's name that countries share."""

    places: dict[str, str]
    """The code by the country's id; the country named nearest decides."""
    signs: Phrases = ()
    """Signs that mean it too where the document tells it from another currency: $."""
    apart: Phrases = ()
    """Spellings by which a document tells the two: US$, pesos."""
    own: Phrases = ()
    """Spellings of the country's own: a document that has one means the other by the bare sign."""
    most: bool = False
    """The place that the document names most decides, not the nearest."""
    home: bool = False
    """Where no spelling tells, the sign means it in a document that speaks mostly of its places."""


class UnitName(Closed):
    """A unit that a word or symbol stands for."""

    unit: str
    """The base unit: W, FLOPS, B, Wh, year ..."""
    power: int = 0
    """Power of ten to the base unit."""
    factor: Decimal | None = None
    """Further factor to the base unit."""
    case: bool = False
    """The letters' case matters (m and M, b and B)."""


class PeriodPattern(Closed):
    """A phrase of time and the period that it names."""

    match: str
    """The phrase, with slots."""
    period: str
    """The gold's notation with slots: "{year}-H1", "{year}-12-31". A year may carry an offset:
    "{year-1}". Where the phrase has no slot for the year, the context must give it."""
    point: bool = False
    """A deadline or a state at a day rather than a span."""


class Periods(Closed):
    """How the language names times."""

    patterns: tuple[PeriodPattern, ...] = ()
    """Absolute and half-absolute periods."""
    codes: dict[str, str] = {}
    """Written codes of parts of a year: q1: Q1, h1: H1, 1t: Q1."""
    months: dict[str, int] = {}
    """Month names beside CLDR's own."""
    relative: dict[str, str] = {}
    """Phrases relative to the report's date: "last year": year-1."""
    until: Phrases = ()
    """Words before a date that make it a deadline."""
    into: Phrases = ()
    """Words that may stand in a date's span and say nothing (on, le, am)."""
    year_cues: Phrases = ()
    """Words before a bare number that make it a calendar year (in, since, by)."""
    year_words: Phrases = ()
    """Words after a number that make it a calendar year (года, 年)."""
    year_ranges: tuple[tuple[str, str], ...] = ()
    """Pairs of words around two years or dates that form an interval; dashes always do."""
    fiscal: Phrases = ()
    """Words that make a year a fiscal one (exercice, FY)."""
    founded: Phrases = ()
    """Words near a year that make it a figure: founded in 2019."""
    date_orders: Phrases = ()
    """Orders of day, month and year: "{day} de {month} de {year}"."""
    durations: dict[str, str] = {}
    """Nouns of duration and their unit: years: year, months: month."""
    spans: Phrases = ()
    """Phrases after which an article before a duration is the number one: "within" a year."""
    consecutive: Phrases = ()
    """Phrases after an ordinal or number that count years in a row: "{n} anos consecutivos"."""
    times: Phrases = ()
    """Clock times, which are no figures: "{n} Uhr", "à {n} h"."""
    ages: Phrases = ()
    """Ages and decades, which are no periods: "anos {n}"."""
    comparisons: Phrases = ()
    """Words before what a figure is measured against: "than", "compared with", "up from"."""
    since: Phrases = ()
    """Words before a time from which on something has been counted: "since"."""


class ModalityWords(Closed):
    """Words that say whether a figure is observed, estimated, planned or an aim."""

    observed: Phrases = ()
    """Words that make it a fact although another cue stands near."""
    planned: Phrases = ()
    """Will, plans to."""
    estimated: Phrases = ()
    """Is expected to reach, forecasts."""
    target: Phrases = ()
    """Aims, targets."""
    facts: Phrases = ()
    """Finite verbs of statements: with one of them a clause is a statement of its own, which no
    plan or forecast of another clause governs."""
    endings: dict[Literal["planned", "estimated", "facts"], Phrases] = {}
    """Endings of verb forms: planned: [ará, erá, irá]."""
    not_endings: Phrases = ()
    """Words that have such an ending by chance."""
    auxiliaries: Phrases = ()
    """Verbs that make a future only with an infinitive (wird ... investieren)."""
    infinitives: Phrases = ()
    """Endings of infinitives, for the auxiliaries."""
    participles: Phrases = ()
    """Beginnings of participles, which are no infinitives although they may end so."""
    future_endings: Phrases = ()
    """Endings of verbs in the future, which make a plan: -ará, -eront."""


class Speech(Closed):
    """How the language attributes what is said."""

    verbs: Phrases = ()
    """Verbs of saying."""
    sources: Phrases = ()
    """According to."""
    source_nouns: Phrases = ()
    """Nouns that may be a source: report, data, official."""
    roles: Phrases = ()
    """Nouns of people who speak: mayor, spokesperson."""
    datelines: Phrases = ()
    """Words that end a dateline beside dashes (电)."""
    quotes: Phrases = ()
    """Pairs of quotation marks, opening and closing together."""


class Superlatives(Closed):
    """How the language says that something is first of all."""

    best: Phrases = ()
    """Most, highest, leads: rank 1."""
    place: Phrases = ()
    """Places: "{ordinal} lugar", "{ordinal} maior"."""
    first: Phrases = ()
    """First of its kind."""
    not_best: Phrases = ()
    """Phrases in which a superlative is none ("one of the largest")."""


class Coreference(Closed):
    """Nouns and pronouns that stand for something named before."""

    city: Phrases = ()
    """The city."""
    country: Phrases = ()
    """The country."""
    region: Phrases = ()
    """The region, the province, the state."""
    union: Phrases = ()
    """The union, the bloc."""
    org: Phrases = ()
    """The company."""
    programme: Phrases = ()
    """The programme, the scheme."""
    model: Phrases = ()
    """The model."""
    app: Phrases = ()
    """The application."""
    event: Phrases = ()
    """The conference."""
    platform: Phrases = ()
    """The platform, the centre."""
    product: Phrases = ()
    """The product."""
    plan: Phrases = ()
    """The plan."""
    fund: Phrases = ()
    """The fund."""
    pronouns: Phrases = ()
    """It, she, his."""


class ClauseWords(Closed):
    """Words at which a sentence divides into clauses."""

    conjunctions: Phrases = ()
    """And, but."""
    relative: Phrases = ()
    """Which, whose."""
    subordinators: Phrases = ()
    """After, when, although."""


class Prepositions(Closed):
    """Prepositions by what they say."""

    of: Phrases = ()
    """Of: whose figure."""
    in_: Phrases = Field(default=(), alias="in")
    """In: where or when."""
    by: Phrases = ()
    """By: who did it; or the size of a change."""
    from_: Phrases = Field(default=(), alias="from")
    """From."""
    to: Phrases = ()
    """To."""
    for_: Phrases = Field(default=(), alias="for")
    """For."""
    with_: Phrases = Field(default=(), alias="with")
    """With."""


class Headings(Closed):
    """Words that open a part that does not speak for the article."""

    related: Phrases = ()
    """See also."""
    promotion: Phrases = ()
    """Subscribe, follow us."""
    boilerplate: Phrases = ()
    """Copyright, all rights reserved."""


class Names(Closed):
    """Numbers that are parts of names."""

    plans: Phrases = ()
    """Plans: "{ordinal} five-year plan"."""
    products: Phrases = ()
    """Products and standards: "{latin}-{n}", "Web {n}"."""
    sections: Phrases = ()
    """Sections, articles and phases: "chapter {n}", "Article {n}"."""
    compounds: Phrases = ()
    """Stems that follow a number in one word and make a name (jahresplan)."""
    common: Phrases = ()
    """Abbreviations in capitals that are no names of anything: AI, GPU, SME."""
    openers: Phrases = ()
    """Articles and other small words that a sentence begins with in capitals, and no name: The."""
    letters: dict[str, str] = {}
    """Latin letters for those of the language's script, by which slugs of names are made."""


class Grammar(Closed):
    """One language: `languages/<code>.yaml`. Everything but the code is optional."""

    code: str
    """BCP 47 primary code."""
    name: str = ""
    """The language's own name."""
    stemmer: str | None = None
    """Snowball's name of the stemmer."""
    plurals: dict[str, str] = {}
    """Endings of plurals whose stems the stemmer leaves apart, with those of the singular: ões: ão;
    words of four letters and more."""
    inflects_names: bool = False
    """Names take endings (Пекине, Münchens), so that they are found by their stems."""
    fold: dict[str, str] = {}
    """Characters that count as others (ё: е)."""
    apostrophe: Literal["prefix", "suffix", "none"] = "none"
    """Where an apostrophe inside a word divides it: after it (d'|IA) or before it (city|'s)."""
    abbreviations: Phrases = ()
    """Words after which a full stop ends no sentence, without the stop."""
    separators: Separators = Separators()
    """Separators inside numbers."""
    numbers: Numbers = Numbers()
    """Number words."""
    bounds: Bounds = Bounds()
    """Bound words."""
    ranges: Ranges = Ranges()
    """Range words."""
    currencies: dict[str, str] = {}
    """Names and symbols of currencies beside CLDR's own, with the ISO code."""
    regional_currencies: dict[str, RegionalCurrency] = {}
    """Names of `currencies` that stand for several: peso."""
    currency_repeats: bool = False
    """Every amount names its currency: a bare number of millions is no money."""
    per: Phrases = ()
    """Words after a unit that make it a rate (per, pro, 每)."""
    units: dict[str, str | UnitName] = {}
    """Names and symbols of units beside `units.yaml`."""
    periods: Periods = Periods()
    """Times."""
    modality: ModalityWords = ModalityWords()
    """Modality."""
    speech: Speech = Speech()
    """Attribution."""
    superlatives: Superlatives = Superlatives()
    """Superlatives and places."""
    coreference: Coreference = Coreference()
    """Coreference."""
    clauses: ClauseWords = ClauseWords()
    """Clause words."""
    prepositions: Prepositions = Prepositions()
    """Prepositions."""
    headings: Headings = Headings()
    """Headings of other parts."""
    negations: Phrases = ()
    """Words that deny what follows."""
    change: dict[str, Phrases] = {}
    """Verbs of change by kind (rise, fall, reach), for what a percentage is of; words of `loss`."""
    names: Names = Names()
    """Numbers in names."""


class MeasureWords(Closed):
    """How a language names one measure: an entry of `measures/<code>.yaml`."""

    nouns: Phrases = ()
    """What is counted or valued: these name the measure by themselves."""
    heads: Phrases = ()
    """Nouns that name it only beside one of `needs`; without `needs`, if nothing better does."""
    verbs: Phrases = ()
    """Verbs that name the measure (raised)."""
    needs: Phrases = ()
    """One of these must stand in the sentence before a head counts; it also confirms a noun."""
    excludes: Phrases = ()
    """None of these may stand in the sentence where a head is to count."""


class LanguageMeasures(Closed):
    """The whole file `measures/<code>.yaml`: measures, and under `scopes` the qualifiers."""

    measures: dict[str, MeasureWords] = {}
    """Words by measure."""
    scopes: dict[str, Phrases] = {}
    """Phrases by canonical English scope."""


class NameWords(Closed):
    """Words that tell names: `names/<code>.yaml`."""

    kinds: dict[str, Phrases] = {}
    """Nouns that say what a name beside them is: org: [start-up, company], model: [model]."""
    tails: dict[str, Phrases] = {}
    """Nouns that end a name in capitals, by kind: org: [institute], event: [summit]."""
    heads: Phrases = ()
    """Nouns of kind that begin the names behind them, also where a sentence begins."""
    schemes: dict[str, Phrases] = {}
    """Nouns for schemes and sites that are called after their place, by the slug's tail:
    compute-vouchers; a kind before it is that of the subject: "platform:data-centre"."""
    callings: Phrases = ()
    """Words between a noun of kind and the name behind it: called, dubbed, baptisé."""
    aliases: Phrases = ()
    """Words before what a name is called by from there on: hereinafter, ci-après."""
    weak_tails: dict[str, Phrases] = {}
    """Endings of names without spaces that end common words too: a noun of kind beside the name or
    another naming has to help."""
    parts: Phrases = ()
    """Words that names without spaces hold beside syllables of their own (数据, 智能)."""
    placed: Phrases = ()
    """Endings of names that keep the place before them (大学)."""
    borders: Phrases = ()
    """Single characters that begin and end words of grammar and stand in no name (的, 在)."""
    common: Phrases = ()
    """Words of a script without spaces that no name begins with, beside all others of the pack."""
    slugs: dict[str, str] = {}
    """Words for the endings of names in their slugs (科技: technology); "" drops the ending."""
    inside: dict[str, str] = {}
    """Words for what names hold anywhere (人工智能: ai), and readings that pinyin misses."""
    generic: Phrases = ()
    """Endings that a slug drops where the name is long enough without them."""
    kept: dict[str, str] = {}
    """Endings of which a part belongs to the name before it (城市: 城)."""


Time = Literal["none", "level", "event", "flow", "rate"]
"""How a measure lies in time.

none: rules, costs and names have no period; level: a state at a time; event: what happened on a
day; flow: what a year or quarter summed up; rate: the result of a survey, an index or a census,
whose period holds for all results that the paragraph tells.
"""


class MeasureRule(Closed):
    """What a measure is, in any language: an entry of `measures.yaml`."""

    family: str | None = None
    """Groups measures for screens and exports."""
    units: Phrases = ()
    """Unit classes that a value may have: money, count, percent, power, ..."""
    subjects: Phrases = ()
    """Kinds of subject, the likeliest first; a name of `kinds` stands for its members."""
    live: str | None = None
    """The live figure on this platform that it can be set beside."""
    neutral: bool = False
    """A number that is no figure."""
    bounds: Phrases = ()
    """Bounds that the figure usually has; with another one the measure is less likely."""
    modality: str | None = None
    """What a figure of it is where no word says so: a budget is planned."""
    default: Phrases = ()
    """Unit classes that mean this measure where no word of the sentence says otherwise."""
    counted: bool = False
    """Only the noun counted names it: a country that is named in passing covers nothing."""
    rank_only: bool = False
    """The noun is ranked, never counted."""
    signed: bool = False
    """A fall is a value below zero."""
    losses: bool = False
    """A loss is a value below zero."""
    bare_unit: str | None = None
    """What a bare number of it counts: an index, points."""
    general: bool = False
    """The last choice: any more specific measure of the clause comes first."""
    time: Time = "level"
    """How the measure lies in time; given by `times` of the file."""


class MeasureRules(Closed):
    """The whole file `measures.yaml`."""

    kinds: dict[str, Phrases] = {}
    """Groups of kinds of subject."""
    times: dict[Time, Phrases] = {}
    """Measures by how they lie in time; the others are levels."""
    measures: dict[str, MeasureRule] = {}
    """Rules by measure."""


class Entity(Closed):
    """Something named: an entry of `entities/*.yaml`."""

    id: str
    """Kind and slug: "city:beijing"."""
    within: str | None = Field(default=None, alias="in")
    """The id of what it lies in or belongs to."""
    names: dict[str, Phrases] = {}
    """Names by language; "*" is any language."""

    @property
    def kind(self) -> str:
        """The id's prefix."""
        return self.id.partition(":")[0]

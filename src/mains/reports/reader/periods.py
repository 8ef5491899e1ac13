"""Dates and spans of time, in the notation of the gold.

`periods(sentence, pack, anchor_year=...)` returns what the sentence says of time. A date without a
year is completed by the nearest year of the sentence, else by `anchor_year` (the year in the
event's name, or of the document), else it stays open (`--02-22`). "Last year" stays relative.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mains.reports.packs import Match, Pack, PhraseMatcher, Token, TokenKind
from mains.reports.reader.figures import PeriodMention
from mains.reports.reader.number_words import classifiers
from mains.reports.reader.numerals import Numeral, numerals
from mains.reports.reader.ordinals import Ordinal, ordinals
from mains.reports.reader.text import Sentence

YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2100
LIKELY_YEAR_MIN: Final = 2010
LIKELY_YEAR_MAX: Final = 2035
QUARTERS: Final = 4
HALVES: Final = 2
DAY_ALONE: Final = "---"
ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
DATE: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


@dataclass(frozen=True, slots=True)
class Template:
    """What a phrase of time stands for."""

    period: str
    point: bool = False
    relative: bool = False
    fiscal: bool = False


def periods(sentence: Sentence, pack: Pack, anchor_year: int | None = None) -> list[PeriodMention]:
    """Return the dates and spans that the sentence names, left to right."""
    numbers = numerals(sentence, pack)
    return find_periods(sentence, pack, numbers, ordinals(sentence, pack, numbers), anchor_year)


def find_periods(
    sentence: Sentence,
    pack: Pack,
    numbers: Sequence[Numeral],
    ranked: Sequence[Ordinal],
    anchor_year: int | None,
) -> list[PeriodMention]:
    """Return the periods, given the sentence's numbers and ordinals."""
    filled = _Slots(sentence.tokens, pack, numbers, ranked)
    found = _phrases(sentence, pack, filled)
    taken = {index for mention in found for index in range(mention.first, mention.last)}
    found += _codes(sentence, pack, filled, taken)
    taken |= {index for mention in found for index in range(mention.first, mention.last)}
    found += _bare_years(sentence, pack, filled, taken)
    found.sort(key=lambda mention: mention.first)
    return _completed(_marked(found, sentence, pack, filled), sentence.tokens, anchor_year)


class _Slots:
    """What tokens can fill the slots of phrases of time."""

    def __init__(
        self,
        tokens: Sequence[Token],
        pack: Pack,
        numbers: Sequence[Numeral],
        ranked: Sequence[Ordinal],
    ) -> None:
        self.ends: dict[str, dict[int, int]] = {}
        self._values: dict[tuple[str, int], int] = {}
        has_classifiers = bool(pack.grammar.numbers.classifiers)
        self.behind_numbers = {number.last for number in numbers if has_classifiers}
        """Where a number ends, whose unit no relative time can be: 三年内."""
        self._tokens = tokens
        months = pack.derive(Months)
        for index, token in enumerate(tokens):
            if token.kind is TokenKind.NUMBER:
                self._fill_digits(index, token.text)
            elif token.kind is TokenKind.WORD:
                self._fill_word(index, token, months)
        for number in numbers:
            if not number.scaled and not number.digits and number.value == int(number.value):
                self._fill_number(number.first, number.last, int(number.value))
        for ordinal in ranked:
            self._fill_ordinal(ordinal)

    def value(self, name: str, index: int) -> int:
        return self._values[name, index]

    def _put(self, name: str, first: int, last: int, value: int) -> None:
        for slot in (name, f"{name}2"):
            if first not in self.ends.setdefault(slot, {}):
                self.ends[slot][first] = last
                self._values[slot, first] = value

    def _fill_digits(self, index: int, text: str) -> None:
        if not text.isdecimal():
            return
        value, size = int(text), len(text)
        if size == len("2025") and YEAR_MIN <= value <= YEAR_MAX:
            self._put("year", index, index + 1, value)
        if size == len("25"):
            self._put("yy", index, index + 1, 2000 + value)
        if size <= len("31") and 1 <= value <= 31:
            self._put("day", index, index + 1, value)
            self._fill_parts(index, index + 1, value)
        if size <= len("12") and 1 <= value <= 12:
            self._put("m", index, index + 1, value)

    def _fill_parts(self, first: int, last: int, value: int) -> None:
        if 1 <= value <= QUARTERS:
            self._put("quarter", first, last, value)
        if 1 <= value <= HALVES:
            self._put("half", first, last, value)

    def _fill_number(self, first: int, last: int, value: int) -> None:
        self._fill_parts(first, last, value)
        if YEAR_MIN <= value <= YEAR_MAX:
            self._put("year", first, last, value)
        elif 1 <= value <= 12:
            self._put("m", first, last, value)

    def _fill_ordinal(self, ordinal: Ordinal) -> None:
        for slot in ("quarter", "half", "day"):
            limit = {"quarter": QUARTERS, "half": HALVES, "day": 31}[slot]
            plain = slot == "day" and self._tokens[ordinal.last - 1].text == "."
            if ordinal.value <= limit and not plain:
                for name in (slot, f"{slot}2"):
                    self.ends.setdefault(name, {})[ordinal.first] = ordinal.last
                    self._values[name, ordinal.first] = ordinal.value

    def _fill_word(self, index: int, token: Token, months: Months) -> None:
        if token.norm in ROMAN and token.text.isupper():
            self._fill_parts(index, index + 1, ROMAN[token.norm])
        if token.norm in months.weekdays:
            self._put("weekday", index, index + 1, 0)
        month = months.find(token)
        if month is None:
            return
        number, short = month
        dotted = short and index + 1 < len(self._tokens) and self._tokens[index + 1].text == "."
        self._put("month", index, index + (2 if dotted else 1), number)
        if not short:
            self._put("month_name", index, index + 1, number)


class Months:
    """Names of months and weekdays: CLDR's own and the pack's."""

    def __init__(self, pack: Pack) -> None:
        self._wide: dict[str, int] = {}
        self._stems: dict[str, int] = {}
        self._short: dict[str, int] = {}
        self._capital = False
        self.weekdays: set[str] = set()
        norm = pack.tokenizer.normalise
        for context in ("format", "stand-alone"):
            for number, name in pack.locale.months[context]["wide"].items():
                if name[:1].isalpha():
                    self._wide[norm(name)] = number
                    self._capital = name[0].isupper()
                    self._stems.setdefault(pack.tokenizer.stem(name), number)
            for number, name in pack.locale.months[context]["abbreviated"].items():
                if name[:1].isalpha():
                    self._short[norm(name.rstrip("."))] = number
            for width in ("wide", "abbreviated"):
                for name in pack.locale.days[context][width].values():
                    self.weekdays.add(norm(name.rstrip(".")))
        for name, number in pack.grammar.periods.months.items():
            self._wide[norm(name)] = number
        if self._capital:
            self._short["sept"] = 9

    def find(self, token: Token) -> tuple[int, bool] | None:
        """Return the month's number, and whether the name is an abbreviation."""
        if self._capital and not token.text[0].isupper():
            return None
        number = self._wide.get(token.norm)
        if number is None and len(token.stem) > len("mar"):
            number = self._stems.get(token.stem)
        if number is not None:
            return number, False
        short = self._short.get(token.norm)
        return None if short is None else (short, True)


def _matcher(pack: Pack) -> PhraseMatcher[Template]:
    phrases: list[tuple[str, Template]] = []
    for grammar in (pack.grammar, pack.root):
        words = grammar.periods
        phrases += [(p.match, Template(p.period, p.point)) for p in words.patterns]
        phrases += [(phrase, Template("{year}", fiscal=True)) for phrase in words.fiscal]
        phrases += [
            (phrase, Template(value, relative=True)) for phrase, value in words.relative.items()
        ]
    return PhraseMatcher(phrases, pack.tokenizer)


def _phrases(sentence: Sentence, pack: Pack, slots: _Slots) -> list[PeriodMention]:
    tokens = sentence.tokens
    found = [
        _mention(match, tokens, slots)
        for match in pack.derive(_matcher).find(tokens, slots.ends)
        if not (match.payload.relative and match.first in slots.behind_numbers)
    ]
    for index, token in enumerate(tokens):
        date = DATE.fullmatch(token.text)
        if date is not None:
            day, month, year = date.groups()
            period = f"{year}-{int(month):02d}-{int(day):02d}"
            found.append(_plain(tokens, index, index + 1, period))
    return [mention for mention in found if _is_valid(mention)]


def _mention(match: Match[Template], tokens: Sequence[Token], slots: _Slots) -> PeriodMention:
    template = match.payload
    first, last = match.first, match.last
    if template.relative:
        offset = re.fullmatch(r"year([+-]\d+)?", template.period)
        how = f"{{year{offset.group(1) or '+0'}}}" if offset else template.period
        return _relative(tokens, first, last, how, point=False)
    text = template.period
    for name, index, _ in match.slots:
        value = slots.value(name, index)
        width = 4 if name.startswith(("year", "yy")) else 2 if name[0] in "md" else 1
        text = text.replace(f"{{{name}}}", f"{value:0{width}d}")
    if "{year" in text:
        return _relative(tokens, first, last, text, point=template.point)
    text = "/".join(f"-{part}" if re.match(r"-[^-]", part) else part for part in text.split("/"))
    mention = _plain(tokens, first, last, _with_last_day(text))
    return replace(mention, point=template.point, fiscal=template.fiscal)


def _with_last_day(period: str) -> str:
    """Write the last day of a month or quarter for `-end`."""
    quarter = re.fullmatch(r"(.*)-Q(\d)-end", period)
    if quarter is not None:
        period = f"{quarter.group(1)}-{int(quarter.group(2)) * 3:02d}-end"
    found = re.fullmatch(r"(\d{4}|-)-(\d{2})-end", period)
    if found is None or not 1 <= int(found.group(2)) <= 12:
        return period
    year = int(found.group(1)) if found.group(1) != "-" else 2001
    last = calendar.monthrange(year, int(found.group(2)))[1]
    return f"{found.group(1)}-{found.group(2)}-{last:02d}"


def _plain(tokens: Sequence[Token], first: int, last: int, period: str | None) -> PeriodMention:
    return PeriodMention(
        start=tokens[first].start,
        end=tokens[last - 1].end,
        first=first,
        last=last,
        period=period,
    )


def _relative(
    tokens: Sequence[Token], first: int, last: int, how: str, *, point: bool
) -> PeriodMention:
    reason = "the text names the time relative to a day that it does not give"
    return replace(_plain(tokens, first, last, None), relative=how, reason=reason, point=point)


def _is_valid(mention: PeriodMention) -> bool:
    """Whether days exist and an interval does not run backwards."""
    if mention.period is None:
        return True
    start, _, end = mention.period.partition("/")
    for part in (start, end):
        day = re.fullmatch(r"(\d{4}|-)-(\d{2})-(\d{2})", part)
        if day is not None:
            year = int(day.group(1)) if day.group(1) != "-" else 2000
            month = int(day.group(2))
            if not 1 <= month <= 12 or int(day.group(3)) > calendar.monthrange(year, month)[1]:
                return False
    return not end or start[:4].startswith("-") or start < end


def _codes(sentence: Sentence, pack: Pack, slots: _Slots, taken: set[int]) -> list[PeriodMention]:
    """Return parts of a year written as codes: Q3 2025, 1T 2025, H1."""
    codes = {**pack.root.periods.codes, **pack.grammar.periods.codes}
    of = pack.derive(_of)
    tokens, found = sentence.tokens, []
    for index, token in enumerate(tokens):
        length = 1
        code = codes.get(token.norm)
        if code is None and token.kind is TokenKind.NUMBER and index + 1 < len(tokens):
            code, length = codes.get(token.norm + tokens[index + 1].norm), 2
        if code is None or index in taken:
            continue
        following = index + length
        if following < len(tokens) and tokens[following].norm in of:
            following += 1
        years = slots.ends.get("year", {})
        if following in years:
            year = slots.value("year", following)
            found.append(_plain(tokens, index, following + 1, f"{year}-{code}"))
        elif index > 0 and index - 1 in years and index - 1 not in taken:
            year = slots.value("year", index - 1)
            found.append(_plain(tokens, index - 1, index + length, f"{year}-{code}"))
        elif token.text.isupper():
            found.append(_plain(tokens, index, index + length, f"--{code}"))
    return found


def _of(pack: Pack) -> frozenset[str]:
    return frozenset(pack.tokenizer.normalise(word) for word in pack.grammar.prepositions.of)


def _cues(pack: Pack) -> PhraseMatcher[bool]:
    cues = pack.grammar.periods.year_cues
    return PhraseMatcher(
        [(cue if cue.endswith(("=", "*")) else f"{cue}=", True) for cue in cues], pack.tokenizer
    )


def _year_words(pack: Pack) -> PhraseMatcher[bool]:
    words = pack.grammar.periods.year_words
    return PhraseMatcher([(word, True) for word in words], pack.tokenizer)


def _bare_years(
    sentence: Sentence, pack: Pack, slots: _Slots, taken: set[int]
) -> list[PeriodMention]:
    """Return four digits that are a year, by a cue before or a word after or by their look."""
    tokens, found = sentence.tokens, []
    for index, last in sorted(slots.ends.get("year", {}).items()):
        if index in taken or tokens[index].kind is not TokenKind.NUMBER:
            continue
        word = pack.derive(_year_words).match(tokens, last)
        if word is not None or _looks_like_year(tokens, index, pack):
            end = word.last if word is not None else last
            period = f"{slots.value('year', index):04d}"
            found.append(_plain(tokens, index, end, period))
    return found


def _looks_like_year(tokens: Sequence[Token], index: int, pack: Pack) -> bool:
    value = int(tokens[index].text)
    likely = LIKELY_YEAR_MIN <= value <= LIKELY_YEAR_MAX
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    before = tokens[index - 1] if index > 0 else None
    glued = after is not None and after.start == tokens[index].end
    if after is not None and (after.kind is TokenKind.CURRENCY or after.text in "%％"):
        return False
    if after is not None and glued and after.kind is TokenKind.WORD:
        return False
    if after is not None and glued and after.kind is TokenKind.HAN:
        return likely and pack.derive(classifiers).match(tokens, index + 1) is None
    if before is not None and before.kind is TokenKind.CURRENCY:
        return False
    cue = pack.derive(_cues).ending_at(tokens, index) is not None
    closed = after is None or after.kind is TokenKind.PUNCTUATION or not after.text[0].isalpha()
    return likely or (cue and (closed or value % 100 != 0) and value >= 1950)


def _founded(pack: Pack) -> PhraseMatcher[bool]:
    return PhraseMatcher(
        [(phrase, True) for phrase in pack.grammar.periods.founded], pack.tokenizer
    )


def _marked(
    found: list[PeriodMention], sentence: Sentence, pack: Pack, slots: _Slots
) -> list[PeriodMention]:
    """Mark the years that are figures of their own: founded in 2019."""
    at = {
        span[0]
        for match in pack.derive(_founded).find(sentence.tokens, slots.ends)
        if (span := match.slot("year")) is not None
    }
    return [
        replace(mention, founded=True)
        if any(index in at for index in range(mention.first, mention.last))
        and mention.period is not None
        and "/" not in mention.period
        else mention
        for mention in found
    ]


def _divided(tokens: Sequence[Token], one: int, other: int) -> bool:
    """Whether a semicolon stands between two tokens: a year does not reach across it."""
    low, high = sorted((one, other))
    return any(token.text in ";；" for token in tokens[low:high])


def _completed(
    found: list[PeriodMention], tokens: Sequence[Token], anchor_year: int | None
) -> list[PeriodMention]:
    years = [(mention.first, mention.year) for mention in found if mention.year is not None]
    completed: list[PeriodMention] = []
    for mention in found:
        if mention.period is not None and mention.period.startswith(DAY_ALONE):
            completed.append(_with_month(mention, completed))
            continue
        if mention.period is None or mention.is_complete:
            completed.append(mention)
            continue
        beside = [held for held in years if not _divided(tokens, held[0], mention.first)]
        near = min(beside, key=lambda held: abs(held[0] - mention.first), default=None)
        year = near[1] if near is not None else anchor_year
        if year is None:
            reason = "the text names no year beside it"
            completed.append(replace(mention, reason=reason))
        else:
            completed.append(mention.completed(year))
    return completed


def _with_month(mention: PeriodMention, before: Sequence[PeriodMention]) -> PeriodMention:
    """Complete a day without a month ("on the 21st") by the last day named before it."""
    assert mention.period is not None
    for held in reversed(before):
        if held.period is not None and re.fullmatch(r"(\d{4}|-)-\d{2}-\d{2}", held.period):
            return replace(mention, period=f"{held.period[:-2]}{mention.period[len(DAY_ALONE) :]}")
    return replace(mention, reason="the text names no month beside it")

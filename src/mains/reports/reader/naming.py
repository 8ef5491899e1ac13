"""Names that no pack knows, found by rule: capitals, quotation marks, nouns of kind, legal forms.

A noun of kind stands before a name ("the start-up Xyz", "компания «Xyz»") or behind it ("Xyz公司",
"Xyz Institute"); what has none of them is a name by its looks alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from mains.reports.packs import Token, TokenKind
from mains.reports.packs.phrases import Match
from mains.reports.reader.lexicon import Lexicon, Link
from mains.reports.reader.named import PLACES, EntityMention, Known, dated, made
from mains.reports.reader.unspaced import latin_behind
from mains.reports.reader.versions import is_lettered, version_end

NAME_TOKENS_MAX: Final = 6
TITLE_LETTERS_MIN: Final = 4
TITLE_WORDS_MIN: Final = 5
TITLE_SHARE: Final = 0.75
SHOUTED_LETTERS_MIN: Final = 4
QUOTING: Final = frozenset("«“„‹")
QUOTED_NAME_TOKENS_MAX: Final = 5
TITLE_TOKENS_MAX: Final = 9
QUOTE_TOKENS_MAX: Final = 10
TITLED_KINDS: Final = frozenset({"programme", "event", "platform", "plan"})
OPENING: Final = {"“": "”", "«": "»", "《": "》", "「": "」", "„": "“", "‹": "›", '"': '"'}
COMPANY_TAILS: Final = frozenset(
    "inc corp ltd llc plc gmbh ag se kg sa spa srl sas sarl sl bv nv oy ab llp co limited".split()
)
"""Legal forms, which are written alike in any language; the one before them is a company."""
DOTTED_TAILS: Final = frozenset({"s.p.a", "s.r.l", "s.a", "s.l", "b.v", "n.v", "s.a.s"})
PLURAL_ACRONYM: Final = re.compile(r"[A-Z]{2,}s")
CHIP: Final = re.compile(r"[A-Z]{1,3}\d{2,4}s?")
"""Machines by their number: H200s, GB300."""
CONNECTORS: Final = frozenset("-&+")


def unknown_names(
    tokens: Sequence[Token], words: Lexicon, speaking: frozenset[int], *, capital_nouns: bool
) -> Iterator[EntityMention]:
    """Yield the names that a noun of kind or a legal form tells, the surest first.

    `speaking` are the tokens of those who speak and of what says so: names beside them are people.
    """
    kinds = words.kinds.find(tokens)
    for match in kinds:
        yield from _before_kind(tokens, match, words)
        yield from _beside_kind(tokens, match, words)
    yield from _legal(tokens, words)
    if not capital_nouns:
        yield from _tailed(tokens, words)
    yield from _titled(tokens, kinds, words)


def names_by_looks(
    tokens: Sequence[Token], words: Lexicon, speaking: frozenset[int], *, capital_nouns: bool
) -> Iterator[EntityMention]:
    """Yield what looks like a name although no word says of what."""
    latin = sum(_latin(t.text) for t in tokens if t.is_word)
    foreign = latin * 2 < sum(t.is_word for t in tokens)
    index = 0
    while index < len(tokens):
        end = _capitals_after(tokens, index, words)
        is_item = index > 0 and end > index and _is_item(tokens, index, end)
        if tokens[index].text in QUOTING and (foreign or tokens[index].text != '"'):
            close = _closing(tokens, index)
            if close > index + 1 and _is_brand(tokens[index + 1]):
                yield _shaped(tokens, index + 1, close, words)
                end = close
        elif end > index:
            first = _name_begins(tokens, index, end, words, capital_nouns=capital_nouns)
            is_known = first > 0 or foreign or is_item or end - first > 1
            if (
                is_known
                and not _is_person(first, end, speaking)
                and _is_name(tokens[first:end], words, foreign=foreign, alone=capital_nouns)
            ):
                yield _shaped(tokens, first, end, words)
        index = max(end, index + 1)


def _is_item(tokens: Sequence[Token], first: int, end: int) -> bool:
    """Whether the name is all that a list's item or a label says: "2. Xyz Compute."."""
    rest = (*tokens[:first], *tokens[end:])
    return not any(token.is_word for token in rest)


def is_title_case(tokens: Sequence[Token]) -> bool:
    """Whether a sentence writes most of its words in capitals, as some headings do."""
    held = [token for token in tokens if token.is_word and len(token.text) >= TITLE_LETTERS_MIN]
    capitals = sum(token.text[0].isupper() for token in held)
    return len(held) >= TITLE_WORDS_MIN and capitals > TITLE_SHARE * len(held)


def _before_kind(
    tokens: Sequence[Token], match: Match[str], words: Lexicon
) -> Iterator[EntityMention]:
    """Yield the name right before a noun of kind: in quotation marks, or Latin before Han."""
    before = match.first - 1
    if before < 0:
        return
    if tokens[before].text in OPENING.values():
        first = _quoted_before(tokens, before)
        if first is not None and not _is_wording(tokens[first:before], words):
            yield _made(tokens, first, before, match.payload, words)
    elif tokens[match.first].kind is TokenKind.HAN and _is_capital(tokens[before]):
        first = _capitals_before(tokens, match.first)
        if not _is_common(tokens[first : match.first], words):
            yield _made(tokens, first, match.first, match.payload, words)


def _beside_kind(
    tokens: Sequence[Token], match: Match[str], words: Lexicon
) -> Iterator[EntityMention]:
    """Yield the name right behind a noun of kind, in marks or in capitals."""
    at = match.last
    if tokens[match.first].kind is TokenKind.HAN and _is_counted(tokens, match.first, words):
        return
    if at < len(tokens) and (mark := OPENING.get(tokens[at].text)):
        for end in range(at + 1, min(at + QUOTE_TOKENS_MAX, len(tokens))):
            if tokens[end].text == mark:
                if end > at + 1 and not _is_wording(tokens[at + 1 : end], words):
                    yield _made(tokens, at + 1, end, match.payload, words)
                return
        return
    if at + 1 < len(tokens) and _is_adjective(tokens, at, words):
        at += 1
    end = _capitals_after(tokens, at, words, any_script=True)
    end = _with_aim(tokens, end, words) if end > at else at
    if end > at and not _is_common(tokens[at:end], words):
        end = _with_place(tokens, end, words)
        first = match.first if _is_head(tokens, match, words) else at
        yield _made(tokens, first, end, match.payload, words)


def _with_place(tokens: Sequence[Token], last: int, words: Lexicon) -> int:
    """Return where a name ends with the place right behind it: the programme Xyz Madrid."""
    match = words.names.match(tokens, last)
    is_glued = match is not None and any(
        called.kind in PLACES and called.capital for called in match.payload
    )
    return match.last if match is not None and is_glued and _is_capital(tokens[last]) else last


def _with_aim(tokens: Sequence[Token], last: int, words: Lexicon) -> int:
    """Return where a name ends with what it says that it is for: the programme IA para Mipymes."""
    link = words.links.match(tokens, last)
    if link is None or Link.FOR not in link.payload or link.last >= len(tokens):
        return last
    is_name = _is_capital(tokens[link.last]) and not is_known(tokens, link.last, words)
    return link.last + 1 if is_name else last


def _is_head(tokens: Sequence[Token], match: Match[str], words: Lexicon) -> bool:
    """Whether the noun of kind is the first word of the name: Grupo Xyz, the Fonds Xyz."""
    if not _is_capital(tokens[match.first]) or words.capital_nouns:
        return False
    return match.first > 0 or tokens[match.first].norm in words.heads


def _is_counted(tokens: Sequence[Token], at: int, words: Lexicon) -> bool:
    """Whether a number and its counting word stand before a noun without spaces: 48个项目."""
    if at < 2 or tokens[at - 1].norm not in words.borders:
        return False
    return tokens[at - 2].kind is TokenKind.NUMBER


def _is_wording(quoted: Sequence[Token], words: Lexicon) -> bool:
    """Whether Han in quotation marks is made of words alone, and no name."""
    covered = {i for m in words.vocabulary.find(quoted) for i in range(m.first, m.last)}
    return all(
        token.kind is TokenKind.HAN and (index in covered or token.norm in words.borders)
        for index, token in enumerate(quoted)
    )


def _is_adjective(tokens: Sequence[Token], at: int, words: Lexicon) -> bool:
    """Whether a country's adjective stands between a noun of kind and a name."""
    match = words.names.match(tokens, at)
    return match is not None and any(called.adjective for called in match.payload)


def _legal(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    """Yield the names before a legal form: Xyz Inc, Xyz S.p.A."""
    for index, token in enumerate(tokens):
        if index == 0 or not token.text[0].isupper():
            continue
        if token.norm in COMPANY_TAILS or _is_dotted_tail(tokens, index):
            first = _capitals_before(tokens, index)
            if first < index:
                yield _made(tokens, first, index, "org", words)


def _is_dotted_tail(tokens: Sequence[Token], at: int) -> bool:
    held = tokens[at : at + 5]
    glued = "".join(t.norm for k, t in enumerate(held) if k == 0 or t.start == held[k - 1].end)
    return any(glued.startswith(tail) for tail in DOTTED_TAILS)


def _tailed(tokens: Sequence[Token], words: Lexicon) -> Iterator[EntityMention]:
    """Yield runs of capitals that end with a noun of kind: Global AI Summit, Xyz Institute."""
    for match in words.tails.find(tokens):
        if not _is_capital(tokens[match.last - 1]) or _goes_on(tokens, match.last):
            continue
        first = _capitals_before(tokens, match.first)
        while first < match.first and is_opener(tokens[first], words):
            first += 1
        if first < match.first and not _is_common(tokens[first : match.first], words):
            name = _made(tokens, first, match.last, match.payload, words)
            yield dated(tokens, name)


def proper_name(
    tokens: Sequence[Token], match: Match[str], words: Lexicon
) -> tuple[int, int] | None:
    """Return the run of capitals that a noun of kind is only a part of: Bono Cómputo Oriental."""
    if not all(_is_capital(token) for token in tokens[match.first : match.last] if token.is_word):
        return None
    first, last = _capitals_before(tokens, match.first), match.last
    while last < len(tokens) and _is_capital(tokens[last]) and not is_known(tokens, last, words):
        last += 1
    while first < match.first and is_opener(tokens[first], words):
        first += 1
    if first < match.first and is_known(tokens, first, words):
        return None
    return (first, last) if last - first > match.last - match.first else None


def _goes_on(tokens: Sequence[Token], last: int) -> bool:
    """Whether the run of capitals goes on, so that another word ends the name."""
    return last < len(tokens) and _is_capital(tokens[last]) and len(tokens[last].text) > 1


def _titled(
    tokens: Sequence[Token], kinds: Sequence[Match[str]], words: Lexicon
) -> Iterator[EntityMention]:
    """Yield names that begin with their noun of kind in capitals, small links between them."""
    for match in kinds:
        if match.first > 0 and match.payload in TITLED_KINDS and _is_capital(tokens[match.first]):
            end = _title_end(tokens, match.last, words)
            if not _is_common([t for t in tokens[match.last : end] if t.text[0].isupper()], words):
                yield dated(tokens, _made(tokens, match.first, end, match.payload, words))


def _quoted_before(tokens: Sequence[Token], closing: int) -> int | None:
    for first in range(closing - 1, max(-1, closing - QUOTE_TOKENS_MAX), -1):
        if OPENING.get(tokens[first].text) == tokens[closing].text:
            return first + 1 if closing > first + 1 else None
    return None


def _title_end(tokens: Sequence[Token], at: int, words: Lexicon) -> int:
    """Return where a name ends that goes on in capitals, small links between them."""
    end, at_most = at, min(at + TITLE_TOKENS_MAX, len(tokens))
    index = at
    while index < at_most:
        if _is_capital(tokens[index]):
            index += 1
            end = index
        elif (link := words.links.match(tokens, index)) is not None and index == end:
            index = link.last
        elif index > end and (place := _place_end(tokens, index, words)) > index:
            index = end = place
        else:
            break
    return end


def _place_end(tokens: Sequence[Token], at: int, words: Lexicon) -> int:
    """Return where a place ends that is written with its article: de las Américas."""
    match = words.names.match(tokens, at)
    if match is None or not _is_capital(tokens[match.last - 1]):
        return at
    return match.last if any(called.kind in PLACES for called in match.payload) else at


def _closing(tokens: Sequence[Token], opening: int) -> int:
    close = OPENING[tokens[opening].text]
    reach = range(opening + 1, min(opening + QUOTED_NAME_TOKENS_MAX, len(tokens)))
    return next((index for index in reach if tokens[index].text == close), 0)


def _is_person(first: int, last: int, speaking: frozenset[int]) -> bool:
    return first - 1 in speaking or last in speaking


def _name_begins(
    tokens: Sequence[Token], first: int, end: int, words: Lexicon, *, capital_nouns: bool
) -> int:
    """Return where the name begins: behind an article, or behind nouns in capitals."""
    if capital_nouns:
        inner = (at for at in range(first, end) if _has_inner_capital(tokens[at].text))
        return next(inner, first)
    while first + 1 < end and is_opener(tokens[first], words):
        first += 1
    return first


def is_opener(token: Token, words: Lexicon) -> bool:
    """Whether a word opens a sentence and no name: The, L'."""
    if token.norm in words.openers or token.norm.endswith("'"):
        return True
    return words.links.match((token,), 0) is not None


def _has_inner_capital(word: str) -> bool:
    return any(c.isupper() for c in word[1:]) and not word.isupper()


def _is_name(name: Sequence[Token], words: Lexicon, *, foreign: bool, alone: bool) -> bool:
    """Whether capitals make a name: not those of an acronym or, in some languages, of nouns."""
    held = [t.text for t in name if t.is_word]
    if _is_common(name, words) or len(held[0]) == 1 or is_opener(name[0], words):
        return False
    if len(held) == 1 and name[0].stem in words.plain:
        return False
    if CHIP.fullmatch(held[0]) and len(held) == 1:
        return False
    if all(word.isupper() for word in held):
        return len("".join(held)) >= SHOUTED_LETTERS_MIN and not alone
    inner = any(_has_inner_capital(word) for word in held)
    return foreign or inner or not alone


def _is_common(name: Sequence[Token], words: Lexicon) -> bool:
    """Whether the run is made of abbreviations that any text of the field writes: AI, GPUs."""
    return all(
        not token.is_word
        or token.norm in words.common
        or token.norm in words.counting
        or PLURAL_ACRONYM.fullmatch(token.text)
        for token in name
    )


def _shaped(tokens: Sequence[Token], first: int, last: int, words: Lexicon) -> EntityMention:
    """Return a name by its looks; one with a version behind it is a model's."""
    is_model = last - first > 1 and is_lettered(tokens[last - 1].text)
    known = Known.RULE if is_model else Known.LOOKS
    return made(tokens, first, last, "model" if is_model else "org", known, words.spelling)


def _made(
    tokens: Sequence[Token], first: int, last: int, kind: str, words: Lexicon
) -> EntityMention:
    mention = made(tokens, first, last, kind, spelling=words.spelling)
    if tokens[first].kind is not TokenKind.HAN:
        return mention
    latin = latin_behind(tokens, last, words)
    return mention if latin is None else replace(mention, id=f"{kind}:{latin}")


def _capitals_after(
    tokens: Sequence[Token], at: int, words: Lexicon, *, any_script: bool = False
) -> int:
    """Return where the run of capitals that begins at `at` ends; `at` where none does."""
    end = at
    while end < len(tokens) and end - at < NAME_TOKENS_MAX:
        token = tokens[end]
        if end > at and is_known(tokens, end, words):
            break
        if _is_brand(token) and (any_script or _latin(token.text)):
            end += 1
        elif end > at and _joins(tokens, end):
            end += 2
        elif end > at and (version := version_end(tokens, end, words.counting)) > end:
            end = version
        elif end > at and (linked := _linked(tokens, end, words)) > end:
            if _is_common(tokens[at:end], words):
                break  # A unit or an abbreviation begins no name: 400 MW of Xyz Forge.
            end = linked
        else:
            break
    return end


def _linked(tokens: Sequence[Token], at: int, words: Lexicon) -> int:
    """Return where "of" and the capital behind it end, in a name such as "Cámara de Comercio"."""
    link = words.links.match(tokens, at)
    if link is None or Link.OF not in link.payload or link.last >= len(tokens):
        return at
    if tokens[at].text.startswith("'") or not _is_brand(tokens[link.last]):
        return at
    known = is_known(tokens, link.last, words)
    return at if known or not _latin(tokens[link.last].text) else link.last + 1


def is_known(tokens: Sequence[Token], at: int, words: Lexicon) -> bool:
    """Whether a name that a pack knows begins here, written as it is."""
    match, text = words.names.match(tokens, at), tokens[at].text
    return match is not None and any(
        (not called.capital or text[0].isupper()) and called.written in (None, text)
        for called in match.payload
    )


def _joins(tokens: Sequence[Token], at: int) -> bool:
    """Whether a hyphen or an ampersand holds two parts of a name together."""
    if tokens[at].text not in CONNECTORS or at + 1 >= len(tokens):
        return False
    glued = tokens[at - 1].end == tokens[at].start and tokens[at].end == tokens[at + 1].start
    return _is_brand(tokens[at + 1]) and (glued or tokens[at].text == "&")


def _capitals_before(tokens: Sequence[Token], last: int) -> int:
    first = last
    while first > 0 and last - first < NAME_TOKENS_MAX:
        token = tokens[first - 1]
        joins = token.text in CONNECTORS and first - 1 > 0 and first < last
        if joins and _joins(tokens, first - 1) and _is_capital(tokens[first - 2]):
            first -= 2
        elif _is_capital(token):
            first -= 1
        else:
            break
    return first


def _is_capital(token: Token) -> bool:
    return token.kind is TokenKind.WORD and token.text[0].isupper()


def _is_brand(token: Token) -> bool:
    """Whether a word is written as names are: Xyz, xAI, iFlytek."""
    text = token.text
    if token.kind is not TokenKind.WORD:
        return False
    return text[0].isupper() or (_has_inner_capital(text) and _latin(text))


def _latin(text: str) -> bool:
    return text[0].isascii() or unicodedata.name(text[0], "").startswith("LATIN")

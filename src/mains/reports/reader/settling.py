"""Of what kind a name is that no pack knows: the whole document tells.

A noun of kind behind a comma ("Xyz, a start-up from Ghent"), a stand-in behind the name ("the
scheme"), or a sentence that has the noun beside it settles all namings. Of a name that nothing
settles it counts whether the document uses it again.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mains.reports.packs import Token
from mains.reports.reader.lexicon import Lexicon
from mains.reports.reader.mentions import Mentions
from mains.reports.reader.named import KINDLESS, PLACES, EntityMention, Known, name_of

APPOSED_TOKENS_MAX: Final = 7
STAND_IN_SENTENCES_MAX: Final = 1
CALLED_TOKENS_MAX: Final = 6
QUOTES: Final = frozenset('«“"„「')
TOLD: Final = 3
APPOSED: Final = 2
STOOD_FOR: Final = 1
EDITION: Final = re.compile(r"-20\d\d$")
KIND_OF: Final = {"product": "app", "fund": "programme"}
COMMAS: Final = frozenset(",，(（–—")
ENDS: Final = frozenset(".;；。:：)）")

Part = tuple[Sequence[Token], Mentions, Lexicon]
Votes = dict[str, Counter[str]]


def settled(parts: Sequence[Part]) -> list[Mentions]:
    """Return each sentence's mentions, those of unknown kind settled by the other sentences."""
    votes, seen = _votes(parts), Counter[str]()
    for _, mentions, _ in parts:
        seen.update(name_of(m.id) for m in mentions.entities if m.id and m.known in KINDLESS)
    if not seen:
        return [mentions for _, mentions, _ in parts]
    return [
        replace(mentions, entities=tuple(_settled(m, votes, seen) for m in mentions.entities))
        for _, mentions, _ in parts
    ]


def with_editions(parts: Sequence[Mentions]) -> list[Mentions]:
    """Return the mentions with events that no pack knows as the one edition that has its year."""
    held: defaultdict[str, set[str]] = defaultdict(set)
    for mentions in parts:
        for m in mentions.entities:
            if m.kind == "event" and m.known is Known.RULE and (year := EDITION.search(m.id or "")):
                held[(m.id or "")[: year.start()]].add(m.id or "")
    single = {name: min(ids) for name, ids in held.items() if len(ids) == 1}
    return [
        replace(
            mentions,
            entities=tuple(
                replace(m, id=single[m.id]) if m.id in single else m for m in mentions.entities
            ),
        )
        if any(m.id in single for m in mentions.entities)
        else mentions
        for mentions in parts
    ]


def _settled(
    mention: EntityMention, votes: Mapping[str, Counter[str]], seen: Mapping[str, int]
) -> EntityMention:
    if mention.id is None or mention.known not in KINDLESS:
        return mention
    name = name_of(mention.id)
    held = votes.get(name)
    if held:
        kind = held.most_common(1)[0][0]
        return replace(mention, id=f"{kind}:{name}", kind=kind, known=Known.RULE)
    return replace(mention, known=Known.RECURS) if seen[name] > 1 else mention


def _votes(parts: Sequence[Part]) -> Votes:
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    before: EntityMention | None = None
    way = 0
    for tokens, mentions, words in parts:
        way += 1
        opens = {mention.first for mention in mentions.entities}
        for mention in mentions.entities:
            if mention.known is Known.STAND_IN:
                if opens & {mention.last, mention.last + 1}:
                    continue  # It introduces the name behind it: the programme Xyz.
                kind = KIND_OF.get(mention.kind, mention.kind)
                near = before is not None and way <= STAND_IN_SENTENCES_MAX
                if near and before is not None and before.known in KINDLESS and _is_thing(kind):
                    votes[name_of(before.id or "")][kind] += STOOD_FOR
            elif mention.id is not None and mention.kind not in PLACES:
                before, way = mention, 0
                if mention.known is Known.RULE:
                    votes[name_of(mention.id)][mention.kind] += TOLD
                elif mention.known in KINDLESS:
                    for kind in (
                        *_apposed(tokens, mention, words),
                        *_called(tokens, mention, words),
                    ):
                        votes[name_of(mention.id)][kind] += APPOSED
    return votes


def _called(tokens: Sequence[Token], mention: EntityMention, words: Lexicon) -> Iterator[str]:
    """Yield the kind of what the text says is called by the name: "a machine, to be called Xyz"."""
    at = mention.first
    while at > 0 and tokens[at - 1].text in QUOTES:
        at -= 1
    calling = words.callings.ending_at(tokens, at)
    if calling is None:
        return
    before = tokens[max(0, calling.first - CALLED_TOKENS_MAX) : calling.first]
    breaks = [index for index, token in enumerate(before) if token.text in ENDS]
    found = words.kinds.find(before[breaks[-1] + 1 if breaks else 0 :])
    if found:
        yield found[-1].payload


def _is_thing(kind: str) -> bool:
    return bool(kind) and kind not in PLACES


def _apposed(tokens: Sequence[Token], mention: EntityMention, words: Lexicon) -> Iterator[str]:
    """Yield the kind that an apposition behind the name tells: "Xyz, a maker of chips"."""
    at = mention.last
    if at >= len(tokens) or tokens[at].text not in COMMAS:
        return
    for index in range(at + 1, min(at + 1 + APPOSED_TOKENS_MAX, len(tokens))):
        if tokens[index].text in ENDS or tokens[index].text in COMMAS:
            return
        if words.links.match(tokens, index) is not None:
            return
        match = words.kinds.match(tokens, index)
        if match is not None:
            yield match.payload
            return

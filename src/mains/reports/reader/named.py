"""What a sentence names: a mention of a thing, its id and how it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mains.reports.packs import Token, TokenKind
from mains.reports.reader.romanising import PLAIN, Spelling, slug
from mains.reports.reader.versions import year_beside


class Known(StrEnum):
    """How it is known what a mention stands for."""

    NAME = "name"
    ADJECTIVE = "adjective"
    """A country's adjective."""
    RULE = "rule"
    """A name that no pack knows, with a noun of kind beside it or a legal form behind it."""
    LOOKS = "looks"
    """A name by its looks alone: capitals, Latin letters in another script, quotation marks; or a
    name of a script that has no Latin letters of its own. Nothing tells its kind."""
    RECURS = "recurs"
    """A name by its looks that the document uses again; nothing tells its kind either."""
    STAND_IN = "stand_in"
    """A noun or pronoun for something named before; resolved later."""
    SCHEME = "scheme"
    """A scheme that is called after its place; its `kind` is the slug's tail until resolved."""


MADE_UP: Final = frozenset({Known.LOOKS, Known.RULE})
KINDLESS: Final = frozenset({Known.LOOKS, Known.RECURS})
PLACES: Final = frozenset({"city", "region", "country", "union"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMention:
    """Something mentioned: token indices [first, last), offsets, id and kind.

    `id` is None for a stand-in until it is resolved; its `kind` is "" for a pronoun.
    """

    first: int
    last: int
    start: int
    end: int
    id: str | None
    kind: str
    known: Known


def as_kind(mention: EntityMention, kinds: Sequence[str]) -> EntityMention | None:
    """Return the mention as one of the kinds, the likeliest first, or None where it is none.

    A name that no pack knows, and that recurs or has several words, may be any thing named, though
    no place: what tells its kind may err.
    """
    if mention.kind in kinds:
        return mention
    kind = next((kind for kind in kinds if kind not in PLACES), None)
    if mention.id is None or kind is None:
        return None
    is_long = mention.known in MADE_UP and mention.kind not in PLACES and "-" in mention.id
    if mention.known is not Known.RECURS and not is_long:
        return None
    return replace(mention, id=f"{kind}:{name_of(mention.id)}", kind=kind)


def dated(tokens: Sequence[Token], mention: EntityMention) -> EntityMention:
    """Return an event with the year beside its name in its id, which makes it an edition."""
    year = year_beside(tokens, mention.first, mention.last) if mention.kind == "event" else None
    return mention if year is None else replace(mention, id=f"{mention.id}-{year}")


def name_of(id_: str) -> str:
    """Return the slug of an id without its kind."""
    return id_.partition(":")[2]


def written(tokens: Sequence[Token], first: int, last: int) -> str:
    """Return the tokens [first, last) as one string, with the spaces between them.

    Variants of one character are written alike.
    """
    return "".join(
        (token.norm if token.kind is TokenKind.HAN else token.text)
        + (" " if _spaced(tokens, index) else "")
        for index, token in enumerate(tokens[first:last], first)
    )


def mention_at(
    tokens: Sequence[Token], first: int, last: int, id_: str | None, kind: str, known: Known
) -> EntityMention:
    """Return the mention of tokens [first, last)."""
    return EntityMention(
        first=first,
        last=last,
        start=tokens[first].start,
        end=tokens[last - 1].end,
        id=id_,
        kind=kind,
        known=known,
    )


def made(
    tokens: Sequence[Token],
    first: int,
    last: int,
    kind: str,
    known: Known = Known.RULE,
    spelling: Spelling = PLAIN,
) -> EntityMention:
    """Return the mention of a name that no pack knows; its slug is made from its letters.

    A name that has no Latin letters is known by its looks alone: nobody else would write its id so.
    """
    made_slug = slug(written(tokens, first, last), spelling)
    held = known if made_slug.isascii() else Known.LOOKS
    return mention_at(tokens, first, last, f"{kind}:{made_slug}", kind, held)


def _spaced(tokens: Sequence[Token], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].start > tokens[index].end

"""What a model may propose, and how its answer is read: a closed form, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

QUOTE_CHARACTERS_MAX: Final = 400
NAME_CHARACTERS_MAX: Final = 200
PROPOSALS_MAX: Final = 200
"""Of one answer; what comes after them is counted and dropped."""

Entry = TypeVar("Entry", bound=BaseModel)


class Strict(BaseModel):
    """A part of an answer: types are not converted, unknown fields are dropped unread."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ProposedClaim(Strict):
    """A figure of a block and what the model takes it to mean."""

    block: int
    quote: str = Field(min_length=1, max_length=QUOTE_CHARACTERS_MAX)
    start: int | None = None
    value: str = Field(max_length=64)
    unit: str = Field(max_length=32)
    bound: str = Field(max_length=16)
    subject: str | None = Field(default=None, max_length=NAME_CHARACTERS_MAX)
    """The subject's name as the document writes it."""
    measure: str | None = Field(default=None, max_length=64)
    period: str | None = Field(default=None, max_length=32)


class ProposedRelation(Strict):
    """A statement without a figure; both ends as the document writes them."""

    block: int
    quote: str = Field(min_length=1, max_length=QUOTE_CHARACTERS_MAX)
    start: int | None = None
    subject: str = Field(min_length=1, max_length=NAME_CHARACTERS_MAX)
    predicate: str = Field(max_length=32)
    object: str = Field(min_length=1, max_length=NAME_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True)
class Proposals:
    """What an answer held; `malformed` counts its entries that broke the form."""

    claims: tuple[ProposedClaim, ...] = ()
    relations: tuple[ProposedRelation, ...] = ()
    malformed: int = 0


class AnswerUnreadable(ValueError):
    """The answer is not the JSON object that was asked for."""


def parse(answer: str) -> Proposals:
    """Return the proposals of a model's answer; raises AnswerUnreadable where it is no object."""
    try:
        raw = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise AnswerUnreadable("the answer is not JSON") from error
    if not isinstance(raw, dict):
        raise AnswerUnreadable("the answer is not a JSON object")
    claims, broken_claims = _entries(raw, "claims", ProposedClaim)
    relations, broken_relations = _entries(raw, "relations", ProposedRelation)
    return Proposals(tuple(claims), tuple(relations), broken_claims + broken_relations)


def answer_schema() -> dict[str, Any]:
    """Return the JSON schema of an answer, as endpoints with structured output take it."""
    text = {"type": "string"}
    optional = {"type": ["string", "null"]}
    place = {"block": {"type": "integer"}, "quote": text, "start": {"type": ["integer", "null"]}}
    claim = {
        **place,
        **dict.fromkeys(("value", "unit", "bound"), text),
        **dict.fromkeys(("subject", "measure", "period"), optional),
    }
    relation = {**place, **dict.fromkeys(("subject", "predicate", "object"), text)}
    return _object({"claims": _list(_object(claim)), "relations": _list(_object(relation))})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def _entries(raw: Mapping[str, Any], name: str, form: type[Entry]) -> tuple[list[Entry], int]:
    held = raw.get(name, [])
    if not isinstance(held, list):
        return [], 1
    found: list[Entry] = []
    for entry in held[:PROPOSALS_MAX]:
        try:
            found.append(form.model_validate(entry))
        except ValidationError:
            continue
    return found, len(held) - len(found)

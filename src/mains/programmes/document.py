"""A programme's document: a closed language for rules, read from YAML or JSON.

Published documents never change, so the canonical text of one (and its hash) must not either: a
new kind of rule is a new optional key, left out of the text when it is absent.
"""

import difflib
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

import orjson
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from mains.errors import DocumentInvalid
from mains.units import BASIS_POINTS, Money, decimal_string
from mains.wire import base as wire
from mains.wire.base import Name
from mains.wire.problem import key_path

TEXT_BYTES_MAX: Final = 64 * 1024
NAMES_MAX: Final = 1_000
CONDITIONS_MAX: Final = 100
DEPTH_MAX: Final = 5
VALID_DAYS_MAX: Final = 3_660
_PERCENT_STEP: Final = Decimal(100)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)

ClauseId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$")]
"""What quotes and receipts call a clause: `rate.default`, `cap.organisation`."""

Text = Annotated[wire.Text, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Field_ = Annotated[
    str, StringConstraints(pattern=r"^(type|name|attributes\.[a-z][a-z0-9_]{0,62})$")
]
Scalar = StrictBool | StrictInt | Annotated[str, Field(max_length=500)]


class Clause(BaseModel):
    """A closed, frozen part of a document; an unknown key is told what is allowed in its place."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, given: object) -> object:
        if isinstance(given, Mapping):
            allowed = [info.alias or name for name, info in cls.model_fields.items()]
            allowed += cls._spellings()
            for key in given:
                if key not in allowed:
                    raise ValueError(_unknown(str(key), allowed))
        return given

    @classmethod
    def _spellings(cls) -> list[str]:
        """Return further keys that a clause can be written with."""
        return []


def _unknown(key: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(key, allowed, n=1)
    guess = f", did you mean `{close[0]}`?" if close else "."
    return f"unknown key `{key}`{guess} Allowed here: {', '.join(allowed)}"


def _exact(given: object) -> bool:
    """Whole numbers and texts say exactly what was written; floats round."""
    return isinstance(given, int | str) and not isinstance(given, bool)


def _amount(given: object) -> str:
    """Return a positive amount in its canonical spelling."""
    if not _exact(given):
        raise ValueError('write an amount as a whole number or in quotes, such as "1250.50"')
    micros = Money.parse(str(given), "XXX").micros
    if micros <= 0:
        raise ValueError("an amount here is more than nothing")
    return decimal_string(micros)


AmountText = Annotated[str, BeforeValidator(_amount)]


def _names(given: object) -> object:
    if given == "any":
        return given
    names = given if isinstance(given, list | tuple) else ()
    if not 0 < len(names) <= NAMES_MAX or not all(_NAME.fullmatch(str(each)) for each in names):
        raise ValueError(
            f"write `any`, or a list of 1 to {NAMES_MAX} names of lower-case letters, "
            "digits and hyphens"
        )
    return tuple(str(each) for each in names)


Names = Annotated[Literal["any"] | tuple[str, ...], BeforeValidator(_names)]


class Validity(Clause):
    """First and last day, both whole and included, in the programme's time zone."""

    id: ClauseId = "valid"
    first_day: date = Field(alias="from")
    last_day: date = Field(alias="until")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("`until` is the last day and lies before `from`, the first")
        if self.last_day.year > date.max.year - 2:
            raise ValueError("`until` lies too far away")
        if self.first_day.year < date.min.year + 2:
            raise ValueError("`from` lies too far back")
        return self


class Rate(Clause):
    """What share of a charge the voucher pays; written in percent or in basis points."""

    id: ClauseId = "rate.default"
    basis_points: StrictInt = Field(ge=1, le=BASIS_POINTS)

    @classmethod
    def _spellings(cls) -> list[str]:
        return ["percent"]

    @model_validator(mode="before")
    @classmethod
    def _from_percent(cls, given: object) -> object:
        if not isinstance(given, Mapping) or "percent" not in given:
            return given
        if "basis_points" in given:
            raise ValueError("write `percent` or `basis_points`, not both")
        rest = {key: value for key, value in given.items() if key != "percent"}
        return rest | {"basis_points": _basis_points(given["percent"])}


def _basis_points(percent: object) -> int:
    wrong = 'write a percentage such as "50 %" or "12.5 %", with at most two decimals'
    if not _exact(percent):
        raise ValueError(wrong)
    try:
        scaled = Decimal(str(percent).strip().removesuffix("%").strip()) * _PERCENT_STEP
    except InvalidOperation:
        raise ValueError(wrong) from None
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError(wrong)
    if not 0 < scaled <= BASIS_POINTS:
        raise ValueError("a rate is more than 0 % and at most 100 %")
    return int(scaled)


class CapPeriod(StrEnum):
    CALENDAR_YEAR = "calendar_year"
    CALENDAR_MONTH = "calendar_month"
    WHOLE = "whole"


class Cap(Clause):
    """The most that vouchers of this programme pay for one organisation in one period."""

    id: ClauseId = "cap.organisation"
    amount: AmountText
    period: CapPeriod

    @property
    def micros(self) -> int:
        return Money.parse(self.amount, "XXX").micros


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    CONTAINS = "contains"


_WANTS: Final[Mapping[Operator, tuple[Callable[[Any], bool], str]]] = {
    Operator.IN: (lambda value: isinstance(value, tuple), "a list of values"),
    Operator.NOT_IN: (lambda value: isinstance(value, tuple), "a list of values"),
    Operator.AT_LEAST: (lambda value: type(value) is int, "a whole number"),
    Operator.AT_MOST: (lambda value: type(value) is int, "a whole number"),
}


class Comparison(Clause):
    """One fact about the organisation against a value: `{field: type, op: in, value: [firm]}`."""

    field: Field_
    op: Operator
    value: Scalar | tuple[Scalar, ...] = Field(union_mode="left_to_right")

    @model_validator(mode="after")
    def _fitting_value(self) -> Self:
        fits, wanted = _WANTS.get(
            self.op, (lambda value: not isinstance(value, tuple), "one value")
        )
        if not fits(self.value):
            raise ValueError(f"`{self.op}` is followed by {wanted}")
        return self


def _condition_kind(given: object) -> str:
    """Return the tag of a condition, read from a document or made already."""
    if isinstance(given, Mapping):
        return next((kind for kind in ("all", "any") if kind in given), "one")
    return "all" if isinstance(given, AllOf) else "any" if isinstance(given, AnyOf) else "one"


Condition = Annotated[
    Annotated["AllOf", Tag("all")]
    | Annotated["AnyOf", Tag("any")]
    | Annotated[Comparison, Tag("one")],
    Discriminator(_condition_kind),
]
Conditions = Annotated[tuple[Condition, ...], Field(min_length=1, max_length=CONDITIONS_MAX)]


class AllOf(Clause):
    all_of: Conditions = Field(alias="all")


class AnyOf(Clause):
    any_of: Conditions = Field(alias="any")


class Eligibility(Clause):
    """Which organisations may be granted a voucher and pay with it."""

    id: ClauseId = "eligibility"
    where: Condition


class Purchases(Clause):
    """What may be bought: at which sites, of which kinds of unit."""

    id: ClauseId = "purchases"
    sites: Names = "any"
    resources: Names = "any"


class VoucherTerms(Clause):
    """How long a voucher lasts, and how much of a grant is released at a time."""

    id: ClauseId = "voucher"
    valid_days: StrictInt = Field(ge=1, le=VALID_DAYS_MAX)
    tranche: AmountText | None = None

    @property
    def tranche_micros(self) -> int | None:
        return None if self.tranche is None else Money.parse(self.tranche, "XXX").micros


class Rules(Clause):
    rate: Rate
    cap_per_organisation: Cap | None = None
    eligibility: Eligibility | None = None
    purchases: Purchases = Purchases()
    voucher: VoucherTerms

    def clauses(self) -> Iterator[str]:
        for name in type(self).model_fields:
            clause = getattr(self, name)
            if clause is not None:
                yield clause.id


class Document(Clause):
    """One version of a programme, before it has a number."""

    name: Name
    title: Text
    source: Text
    programme: Text | None = None
    year: StrictInt | None = Field(default=None, ge=1900, le=9999)
    currency: str
    time_zone: str
    valid: Validity
    pot: AmountText
    rules: Rules

    @field_validator("currency")
    @classmethod
    def _is_unit(cls, given: str) -> str:
        return Money(0, given).unit

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (KeyError, ValueError, OSError):
            raise ValueError("not a time zone of the IANA list, such as Asia/Shanghai") from None
        return given

    @model_validator(mode="after")
    def _distinct_clauses(self) -> Self:
        ids = [self.valid.id, *self.rules.clauses()]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"two clauses have the id `{twice[0]}`; every clause has its own")
        return self

    @model_validator(mode="after")
    def _bounded_conditions(self) -> Self:
        eligibility = self.rules.eligibility
        if eligibility is not None and _leaves(eligibility.where, DEPTH_MAX) > CONDITIONS_MAX:
            raise ValueError(f"`rules.eligibility` has more than {CONDITIONS_MAX} conditions")
        return self

    @property
    def pot_money(self) -> Money:
        return Money.parse(self.pot, self.currency)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def canonical(self) -> str:
        """Return the one spelling of this document that is stored and hashed."""
        content = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def _leaves(condition: Comparison | AllOf | AnyOf, depth_left: int) -> int:
    if isinstance(condition, Comparison):
        return 1
    if depth_left == 0:
        raise ValueError(f"`rules.eligibility` nests more than {DEPTH_MAX} deep")
    parts = condition.all_of if isinstance(condition, AllOf) else condition.any_of
    return sum(_leaves(part, depth_left - 1) for part in parts)


def sha256_of(canonical: str) -> str:
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


@lru_cache(maxsize=256)
def read_canonical(text: str) -> Document:
    """Return a stored document; equal texts are read once."""
    return Document.model_validate(orjson.loads(text))


def read_document(text: str) -> Document:
    """Return the document of a YAML or JSON text; raises DocumentInvalid naming the key."""
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise DocumentInvalid(f"the document is longer than {TEXT_BYTES_MAX // 1024} KiB")
    try:
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentInvalid(
            f"the document is not readable as YAML: {_yaml_fault(error)}"
        ) from error
    if not isinstance(content, Mapping):
        raise DocumentInvalid(
            "the document is not a mapping of keys to values",
            hint="Begin with the pack of a known programme: `mains programme packs`.",
        )
    try:
        return Document.model_validate(content)
    except ValidationError as error:
        raise _invalid(error) from error


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML only: a key given twice would hide one rule, an alias could hide a million."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are not allowed",
                problem_mark=self.get_mark(),
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(
                    problem="a key is a plain word", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key `{key.value}` is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _yaml_fault(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or "it nests too deep or holds a malformed value"
    return said if mark is None else f"line {mark.line + 1}: {said}"


_UNION_TAGS: Final = frozenset({"all", "any", "one"})


def _invalid(error: ValidationError) -> DocumentInvalid:
    """Name the first fault's key, without the names that pydantic gives to alternatives."""
    fault = error.errors(include_url=False)[0]
    key = key_path(_people_location(fault["loc"]))
    said = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "missing":
        said = "this key is missing"
    return DocumentInvalid(
        f"`{key}`: {said}" if key else said,
        hint="Mend this key and publish again; `mains programme packs` shows whole examples.",
        key=key or None,
    )


def _people_location(location: tuple[str | int, ...]) -> list[str | int]:
    """Drop the tag that follows a condition's key: `where`, or a list's index."""
    kept: list[str | int] = []
    after_union = False
    for part in location:
        if after_union and part in _UNION_TAGS:
            after_union = False
            continue
        kept.append(part)
        after_union = isinstance(part, int) or part == "where"
    return kept

"""What a draft says: each field from its claims and from what reviews filled; pure.

A value fills a field by itself only where reports leave no choice: one value, with the bound that
the field needs, and for the whole of it. All else stays unknown, with the statements beside it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from mains.errors import RequestInvalid
from mains.programmes.document import Document, read_document
from mains.reports.drafts.grouping import (
    GRANT_MEASURE,
    INSTRUMENTS,
    LIMITS,
    is_headline,
    kind_of,
)
from mains.reports.drafts.specs import ANY, NONE, PER_APPLICANT, POT, SPECS, TEXT_CHARACTERS_MAX
from mains.reports.drafts.values import (
    CLAIM_PREFIX,
    DraftKind,
    Field,
    FieldSpec,
    Material,
    Origin,
    Statement,
)
from mains.reports.values import Bound, Claim, Modality, Relation

VALUES_MAX: Final = 100
COUNT: Final = "count"
POOL_MEASURE: Final = "subsidy_pool"
"""The whole pot; "up to so much" is a limit, and a review says of what."""


CLAIM_FIELDS: Final[Mapping[DraftKind, Mapping[str, str]]] = {
    DraftKind.PROGRAMME: {
        "voucher_amount": "limit",
        "subsidy_pool": "pot",
        "subsidy_cap": "cap_per_organisation",
        "subsidy_rate": "rate",
    },
    DraftKind.FILING: {
        "model_parameters": "parameters",
        "languages_covered": "languages",
        "event_date": "release_date",
    },
    DraftKind.NEED: {"scenario_lists": "lists", "scenario_applications": "applications"},
    DraftKind.FUNDING: {
        "funding_amount": "amounts",
        "bond_amount": "amounts",
        "valuation": "valuation",
        "funding_rounds": "rounds_so_far",
    },
}
ENOUGH: Final[Mapping[str, frozenset[Bound]]] = {
    "limit": frozenset({Bound.EXACT, *LIMITS}),
    "pot": frozenset({Bound.EXACT}),
    "rate": frozenset({Bound.EXACT}),
    "cap_per_organisation": frozenset({Bound.EXACT, *LIMITS}),
    "release_date": frozenset({Bound.EXACT}),
}
"""Which bounds give a field its value; one that is not here takes the figure as it is stated."""

WHOLE: Final = frozenset({"pot", "rate", "cap_per_organisation", "release_date"})
"""Fields that a figure fills only if it is stated for no part: "start-ups", "a year"."""

AS_STATED: Final = frozenset(
    {"amounts", "valuation", "other_amounts", "rounds_so_far"}
    | {"lists", "applications", "parameters", "languages"}
)
"""Fields whose values keep bound and unit in words: "about 240", "more than 1000000000 CNY"."""

MONEY_FIELDS: Final = frozenset({"limit", "pot", "cap_per_organisation", "tranche"})
RELEASES: Final = frozenset({"releases", "releases_open_source"})
RELEASED: Final = {Modality.OBSERVED: "released"}


def fields(material: Material) -> dict[str, Field]:
    """Return every field of the draft as it stands, in the order in which people read them."""
    statements = statements_of(material)
    found: dict[str, Field] = {}
    for spec in SPECS[material.kind]:
        said = tuple(each for each in statements if each.field == spec.name)
        found[spec.name] = _field(spec, said, material, found)
    return found


def missing(found: Mapping[str, Field]) -> dict[str, str]:
    """Return how to fill each field that a review still has to fill, by name."""
    return {
        name: f"{field.spec.meaning}: {field.spec.fill}"
        for name, field in found.items()
        if not field.is_known and _is_needed(field, found)
    }


def is_grounded(material: Material, *, founding_claims: int) -> bool:
    """Say whether anything that opened the draft still stands, of so many founding claims."""
    if not founding_claims:
        return bool(material.relations)
    founding = (each for each in material.claims if each.id not in material.later)
    return any(True for each in founding for _ in _claim_says(material.kind, each))


def refill(material: Material, given: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return all fills after these changes; an empty list takes a fill back.

    Raises RequestInvalid naming the field, and how to fill it.
    """
    fills = dict(material.fills)
    for name, values in given.items():
        spec = _spec(material.kind, name)
        if values:
            fills[name] = _read(spec, values, material)
        else:
            fills.pop(name, None)
    return fills


def programme_document(found: Mapping[str, Field], *, citation: str) -> Document:
    """Return the programme that a complete draft is; raises DocumentInvalid naming the key."""
    value = {name: field.value for name, field in found.items()}
    rules: dict[str, Any] = {
        "rate": {"percent": value["rate"]},
        "purchases": {name: _names(found[name]) for name in ("sites", "resources")},
        "voucher": {"valid_days": int(value["voucher_days"] or 0)},
    }
    if value["tranche"] != NONE:
        rules["voucher"]["tranche"] = value["tranche"]
    if value["cap_per_organisation"] != NONE:
        rules["cap_per_organisation"] = {
            "amount": value["cap_per_organisation"],
            "period": value["cap_period"],
        }
    if (types := _names(found["eligible"])) != ANY:
        rules["eligibility"] = {"where": {"field": "type", "op": "in", "value": types}}
    document = {
        "name": value["name"],
        "title": value["title"],
        "source": citation[:TEXT_CHARACTERS_MAX],
        "programme": value["title"],
        "currency": value["currency"],
        "time_zone": value["time_zone"],
        "valid": {"from": value["valid_from"], "until": value["valid_until"]},
        "pot": value["pot"],
        "rules": rules,
    }
    return read_document(orjson.dumps(document).decode())


def statements_of(material: Material) -> list[Statement]:
    """Return what each claim and relation of the draft says for which field."""
    found: list[Statement] = []
    for claim in material.claims:
        for name, value in _claim_says(material.kind, claim):
            found.append(
                Statement(
                    field=name,
                    value=value,
                    unit=claim.unit,
                    source=claim,
                    is_later=claim.id in material.later,
                )
            )
    for relation in material.relations:
        for name, value in _relation_says(material, relation):
            found.append(
                Statement(
                    field=name,
                    value=value,
                    unit=None,
                    source=relation,
                    is_later=relation.id in material.later,
                )
            )
    return found


def amount_as_stated(claim: Claim) -> str:
    """Return a figure with its bound and unit: "more than 1000000000 CNY"."""
    bound = "" if claim.bound is Bound.EXACT else f"{claim.bound.replace('_', ' ')} "
    unit = "" if claim.unit == COUNT else f" {claim.unit}"
    return f"{bound}{claim.value}{unit}"


def _claim_says(kind: DraftKind, claim: Claim) -> Iterable[tuple[str, str]]:
    """Yield the fields that a claim speaks of, if a review did not move it away."""
    measure = claim.measure or ""
    name = CLAIM_FIELDS[kind].get(measure)
    if measure == POOL_MEASURE and claim.bound in LIMITS:
        name = "limit"
    if measure == GRANT_MEASURE and kind is DraftKind.PROGRAMME:
        name = "limit" if claim.bound in LIMITS else "other_amounts"
    if name is None:
        return
    yield name, amount_as_stated(claim) if name in AS_STATED else claim.value
    if kind is DraftKind.PROGRAMME:
        if name != "rate":
            yield "currency", claim.unit
        if kind_of(claim.subject) != "programme":
            yield "authority", claim.subject or ""
    if measure in INSTRUMENTS:
        if claim.scope is not None and not is_headline(claim):
            yield "round", claim.scope
        if claim.period is not None:
            yield "date", claim.period


def _relation_says(material: Material, relation: Relation) -> Iterable[tuple[str, str]]:
    subject, object_ = relation.subject or "", relation.object or ""
    match material.kind, relation.predicate:
        case DraftKind.PROGRAMME, "funds":
            yield "authority", subject
        case DraftKind.PROGRAMME, "eligible_for":
            yield "eligible_groups", subject
        case DraftKind.PROGRAMME, _:
            yield "conditions", object_
        case DraftKind.FILING, predicate:
            yield "developer", subject
            if predicate in RELEASES:
                yield "release", RELEASED.get(relation.modality, "planned")
            if predicate == "releases_open_source":
                is_promise = relation.modality is not Modality.OBSERVED
                yield "openness", "open source, promised" if is_promise else "open source"
        case DraftKind.NEED, "operates":
            yield "programme", object_
        case DraftKind.NEED, _:
            yield "areas", object_
        case DraftKind.FUNDING, "leads_round":
            yield "lead_investors", subject
        case _ if kind_of(relation.subject) == "round":
            yield "purpose", object_
        case _:
            yield "participants", subject


def _field(
    spec: FieldSpec, said: tuple[Statement, ...], material: Material, found: Mapping[str, Field]
) -> Field:
    """Return one field: what a review filled, else what reports say, else unknown."""
    if (fill := material.fills.get(spec.name)) is not None:
        return _filled(spec, fill, said, material, found)
    given = _given(spec, material, found)
    if given is not None:
        return Field(spec=spec, values=(given,), origin=Origin.STATED, statements=said)
    founding = _founding(said, material, keep_all=spec.many)
    if not founding:
        return _unknown(spec, said, None)
    if spec.many:
        values = tuple(dict.fromkeys(each.value for each in founding))[:VALUES_MAX]
        return Field(spec=spec, values=values, origin=Origin.STATED, statements=said)
    units = {each.unit for each in founding} if spec.name in MONEY_FIELDS else set()
    if len({each.value for each in founding}) > 1 or len(units) > 1:
        return _unknown(spec, said, "reports state several; choose one with claim:ID")
    first = founding[0]
    if (because := _not_enough(spec, first.source)) is not None:
        return _unknown(spec, said, because)
    return _value(spec, first, said, found)


def _given(spec: FieldSpec, material: Material, found: Mapping[str, Field]) -> str | None:
    """Return what the group itself says of a field: whom or what it is about."""
    subject = material.subject
    match spec.name:
        case "name" if kind_of(subject) == "programme":
            return subject.partition(":")[2]
        case "authority" if kind_of(subject) == "programme":
            return material.within.get(subject)
        case "model" | "owner" | "company":
            return subject
        case "instrument":
            measures = (each.measure or "" for each in material.claims)
            return next((INSTRUMENTS[each] for each in measures if each in INSTRUMENTS), None)
        case "pot" | "cap_per_organisation":
            meant = POT if spec.name == "pot" else PER_APPLICANT
            return _as_limit(spec, found) if found["limit_is"].value == meant else None
        case _:
            return None


def _as_limit(spec: FieldSpec, found: Mapping[str, Field]) -> str | None:
    """Return the limit that reports state, once a review said what it limits."""
    assert spec.read is not None
    limit = found["limit"].value
    return None if limit is None else spec.read(limit)


def _filled(
    spec: FieldSpec,
    fill: tuple[str, ...],
    said: tuple[Statement, ...],
    material: Material,
    found: Mapping[str, Field],
) -> Field:
    """Return a field as a review filled it; a claim that it chose speaks while it stands."""
    if not fill[0].startswith(CLAIM_PREFIX):
        return Field(spec=spec, values=fill, origin=Origin.REVIEWED, statements=said)
    chosen = fill[0].removeprefix(CLAIM_PREFIX)
    claim = next((each for each in material.claims if each.id == chosen), None)
    if claim is None:
        return _unknown(spec, said, f"the claim {chosen} that was chosen stands no longer")
    own = next((each for each in said if each.source.id == chosen), None)
    statement = own or Statement(field=spec.name, value=claim.value, unit=claim.unit, source=claim)
    return _value(spec, statement, said, found)


def _value(
    spec: FieldSpec, statement: Statement, said: tuple[Statement, ...], found: Mapping[str, Field]
) -> Field:
    """Return a field with a statement's value, unless the field can't hold it."""
    currency = found["currency"].value if "currency" in found else None
    if spec.name in MONEY_FIELDS and currency not in (None, statement.unit):
        return _unknown(spec, said, f"stated in {statement.unit}, and the draft is in {currency}")
    try:
        value = statement.value if spec.read is None else spec.read(statement.value)
    except ValueError as error:
        return _unknown(spec, said, f"{_named(statement)} can't stand here: {error}")
    note = _as_stated(statement.source)
    return Field(spec=spec, values=(value,), origin=Origin.STATED, statements=said, note=note)


def _unknown(spec: FieldSpec, said: tuple[Statement, ...], note: str | None) -> Field:
    return Field(spec=spec, values=(), origin=Origin.UNKNOWN, statements=said, note=note)


def _founding(said: Sequence[Statement], material: Material, *, keep_all: bool) -> list[Statement]:
    """Return the statements that can fill a field: not a headline's where the body speaks.

    An amount's conversion doesn't compete with the amount, so it counts where all are kept.
    """
    has_body = any(
        each.id not in material.later for each in material.claims if not is_headline(each)
    )
    founding = [
        each for each in said if not each.is_later and not (has_body and _in_headline(each))
    ]
    if keep_all:
        return founding
    earlier: set[str] = set()
    kept = []
    for each in sorted(founding, key=lambda each: each.source.start):
        if not (isinstance(each.source, Claim) and each.source.pair in earlier):
            kept.append(each)
        earlier.add(each.source.id)
    return kept


def _in_headline(statement: Statement) -> bool:
    return isinstance(statement.source, Claim) and is_headline(statement.source)


def _not_enough(spec: FieldSpec, source: Claim | Relation) -> str | None:
    """Return why a statement alone does not fill the field, or None when it does."""
    if not isinstance(source, Claim):
        return None
    bounds = ENOUGH.get(spec.name)
    if bounds is not None and source.bound not in bounds:
        return f"stated only as {amount_as_stated(source)}"
    if spec.name in WHOLE and source.scope is not None and not is_headline(source):
        return f"stated for: {source.scope}; take it with claim:{source.id}"
    return None


def _is_needed(field: Field, found: Mapping[str, Field]) -> bool:
    match field.spec.name:
        case "limit":
            return False
        case "limit_is":
            return found["limit"].is_known
        case "cap_period":
            return found["cap_per_organisation"].value not in (None, NONE)
        case _:
            return field.spec.read is not None


def _spec(kind: DraftKind, name: str) -> FieldSpec:
    known = {spec.name: spec for spec in SPECS[kind] if spec.read is not None}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    guess = f", did you mean `{close[0]}`?" if close else "."
    raise RequestInvalid(
        f"a {kind} draft has no field `{name}` to fill{guess}",
        hint=f"Fields: {', '.join(known)}.",
        key=name,
    )


def _read(spec: FieldSpec, values: Sequence[str], material: Material) -> tuple[str, ...]:
    """Return entered values in their canonical spelling, or the claim that was chosen."""
    assert spec.read is not None
    first = values[0].strip()
    hint = f"`{spec.name}` is {spec.meaning}: {spec.fill}."
    if len(values) > (VALUES_MAX if spec.many else 1):
        raise RequestInvalid(f"too many values for `{spec.name}`", hint=hint, key=spec.name)
    if len(values) == 1 and first == spec.instead:
        return (first,)
    if first.startswith(CLAIM_PREFIX):
        chosen = first.removeprefix(CLAIM_PREFIX)
        if len(values) > 1 or chosen not in {each.id for each in material.claims}:
            raise RequestInvalid(
                f"`{spec.name}` can't be taken from {first}: it is no claim of this draft",
                hint="`mains drafts show DRAFT` lists the claims that it comes from.",
                key=spec.name,
            )
        return (first,)
    try:
        return tuple(dict.fromkeys(spec.read(each.strip()) for each in values))
    except ValueError as error:
        raise RequestInvalid(f"`{spec.name}`: {error}", hint=hint, key=spec.name) from error


def _names(field: Field) -> str | list[str]:
    return ANY if field.values == (ANY,) else list(field.values)


def _as_stated(source: Claim | Relation) -> str | None:
    """Return what a value leaves out of its statement: a bound, or that it is no fact yet."""
    if not isinstance(source, Claim):
        return None
    modality = "" if source.modality is Modality.OBSERVED else f", {source.modality}"
    if source.bound is Bound.EXACT and not modality:
        return None
    return f"stated as {amount_as_stated(source)}{modality}"


def _named(statement: Statement) -> str:
    source = statement.source
    return amount_as_stated(source) if isinstance(source, Claim) else statement.value

"""Why two claims relate as they do: stable codes, and a sentence for each with the facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mains.reports.reconcile.sides import Side
from mains.reports.values import EdgeKind


class Code(StrEnum):
    """What decided; the sentence of a code stands in `SENTENCES`."""

    SAME = "same"
    SAME_UNDATED = "same_undated"
    SAME_HEADLINE = "same_headline"
    SAME_DIGITS = "same_digits"
    MORE_EXACT = "more_exact"
    MORE_EXACT_DATE = "more_exact_date"
    MORE_EXACT_HEADLINE = "more_exact_headline"
    LATER_PERIOD = "later_period"
    LATER_DOCUMENT = "later_document"
    LATER_THAN_DATED = "later_than_dated"
    OTHER_MODALITY = "other_modality"
    OTHER_SCOPE = "other_scope"
    TOO_FAR = "too_far"
    ORDER_UNKNOWN = "order_unknown"
    OTHER_PERIOD = "other_period"
    OTHER_EVENT = "other_event"
    OTHER_UNIT = "other_unit"
    OTHER_MEASURE = "other_measure"
    LEVEL_AND_GROWTH = "level_and_growth"
    RANK_AND_COUNT = "rank_and_count"
    RANK_AND_PEER = "rank_and_peer"
    OTHER_NOUN = "other_noun"
    PART_OF_SUBJECT = "part_of_subject"
    PART_OF_EVENT = "part_of_event"
    BOUNDS_MEET = "bounds_meet"
    BOUNDS_MEET_CONVERTED = "bounds_meet_converted"
    RANGE = "range"
    EXCLUDE = "exclude"
    EXCLUDE_FIXED = "exclude_fixed"
    CONVERTED = "converted"
    CONVERTED_RESTATED = "converted_restated"
    HEADLINE = "headline"
    SAME_AMOUNT = "same_amount"
    SAME_SMALL = "same_small"
    SAME_PLACE = "same_place"
    COUNT_AND_PLACE = "count_and_place"
    DIGITS = "digits"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A relation, the claims in its direction, and what decided."""

    kind: EdgeKind
    a: Side
    b: Side
    code: Code


WHAT = "{subject} {measure}"
SENTENCES = {
    Code.SAME: WHAT + ": {a} and {b} state one figure.",
    Code.SAME_UNDATED: WHAT + ": {a} and {b} state one figure; only one of them is dated.",
    Code.SAME_HEADLINE: WHAT + ": the headline {b} repeats {a} of the text.",
    Code.SAME_DIGITS: WHAT + ": {a} and {b} agree to every digit; only one says which part it is.",
    Code.MORE_EXACT: WHAT + ": {a} is the more exact form of {b}.",
    Code.MORE_EXACT_DATE: WHAT + ": {a} is the more exact date of {b}.",
    Code.MORE_EXACT_HEADLINE: WHAT + ": the headline {a} is more exact than {b} of the text.",
    Code.LATER_PERIOD: WHAT + ": {a}, then {b}: the later period.",
    Code.LATER_DOCUMENT: WHAT
    + ": {a}, then {b}; neither is dated, {a_doc} speaks of {a_now}, {b_doc} of {b_now}.",
    Code.LATER_THAN_DATED: WHAT
    + ": {a}, then {b}; only one is dated, {a_doc} speaks of {a_now}, {b_doc} of {b_now}.",
    Code.OTHER_MODALITY: WHAT + ": {a} is {a_modality}, {b} is {b_modality}.",
    Code.OTHER_SCOPE: WHAT + ": {a} and {b} are not of the same scope.",
    Code.TOO_FAR: WHAT
    + ": {a} and {b} are so far apart that they are hardly of one thing; no text "
    "says what sets them apart.",
    Code.ORDER_UNKNOWN: WHAT + ": {a} and {b} may be of two times; nothing tells which report is "
    "the later.",
    Code.OTHER_PERIOD: WHAT + ": {a} and {b} are of different times; neither updates the other.",
    Code.OTHER_EVENT: WHAT + ": {a} and {b} may be of two events; no text says of which.",
    Code.OTHER_UNIT: WHAT + ": {a} is in {a_unit}, {b} in {b_unit}: a level against its change.",
    Code.OTHER_MEASURE: "{subject}: {a} is {a_measure}, {b} is {b_measure}; do not add or chain.",
    Code.LEVEL_AND_GROWTH: "{subject}: {a} is {a_measure}, {b} is {b_measure}; the growth is of "
    "another part or another time than the level.",
    Code.RANK_AND_COUNT: "{subject}: {a} is {a_measure}, {b} is {b_measure}: the place is by one "
    "definition, the count by another.",
    Code.RANK_AND_PEER: "{a} is {a_measure} of {a_subject}, {b} is {b_measure} of {b_subject}: who "
    "leads by one definition need not have most by another.",
    Code.OTHER_NOUN: "{a} is {a_measure} of {a_subject}, {b} is {b_measure} of {b_subject}: one "
    "word, two definitions.",
    Code.PART_OF_SUBJECT: "{a} is {a_measure} of {a_subject}, {b} of {b_subject}: one is a part or "
    "a product of the other.",
    Code.PART_OF_EVENT: WHAT + ": {a} and {b}: a part of it against the whole.",
    Code.BOUNDS_MEET: WHAT + ": {a} and {b} can both hold.",
    Code.BOUNDS_MEET_CONVERTED: WHAT
    + ": {a} and {b} can both hold; the second converts another figure, so do not convert the "
    "first by it.",
    Code.RANGE: WHAT + ": {a} and {b} are the two ends of one range.",
    Code.EXCLUDE: WHAT + ": {a} and {b} exclude each other; scope, time and modality are equal.",
    Code.EXCLUDE_FIXED: WHAT
    + ": {a} and {b} exclude each other; nothing says that it changed in between.",
    Code.CONVERTED: WHAT + ": {b} converts {a}.",
    Code.CONVERTED_RESTATED: WHAT + ": {b} converts the amount that {a} states too.",
    Code.HEADLINE: WHAT + ": {a} in the text, {b} in the headline.",
    Code.SAME_AMOUNT: "One amount, two things: {a} is {a_measure} of {a_subject}, {b} is "
    "{b_measure} of {b_subject}.",
    Code.SAME_SMALL: "One number, two things: {a} is {a_measure} of {a_subject}, {b} is "
    "{b_measure} of {b_subject}.",
    Code.SAME_PLACE: "One place, two rankings: {a} is {a_measure} of {a_subject}, {b} is "
    "{b_measure} of {b_subject}.",
    Code.COUNT_AND_PLACE: "A count and a place: {a} is {a_measure} of {a_subject}, {b} is "
    "{b_measure} of {b_subject}.",
    Code.DIGITS: "The same digits: {a} is {a_measure} of {a_subject}, {b} is {b_measure} of "
    "{b_subject}.",
    Code.YEAR: "The year of {a_subject} ({a}) is not the year of {b_subject} ({b}).",
}


def sentence(code: Code, a: Side, b: Side) -> str:
    """Return the reason in words: both figures as they stand, with scope and period."""
    return SENTENCES[code].format(
        subject=a.subject,
        measure=a.measure,
        a=_stated(a),
        b=_stated(b),
        **{f"a_{name}": value for name, value in _facts(a).items()},
        **{f"b_{name}": value for name, value in _facts(b).items()},
    )


def _stated(side: Side) -> str:
    told = [f"“{side.claim.quote}”"]
    within = [part for part in (side.claim.scope, side.claim.period or "no period") if part]
    return f"{told[0]} ({'; '.join(within)})"


def _facts(side: Side) -> dict[str, str]:
    now = side.facts.published or side.facts.latest_period
    return {
        "subject": side.subject or "nothing known",
        "measure": side.measure,
        "unit": side.claim.unit,
        "modality": side.claim.modality.value,
        "doc": side.claim.doc,
        "now": now or "no known time",
    }

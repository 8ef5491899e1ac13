"""Which readings count, and what they cost."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import orjson

from mains.units import UnitMilliseconds, cost_micros

READING_MAX: Final = 2**53
"""A quarter of a million years of one unit: a larger reading is a fault, not a use."""
COST_MICROS_MAX: Final = 2**61


class Outcome(StrEnum):
    """What became of a reading; all but the first two change no charge and are recorded."""

    CAPTURED = "captured"
    LATE = "late"
    REPLAYED = "replayed"
    STALE = "stale"
    CONFLICT = "conflict"
    DECREASED = "decreased"
    UNKNOWN = "unknown"
    FOREIGN_SITE = "foreign_site"
    PRICE_CHANGED = "price_changed"
    ABSURD = "absurd"
    DOUBLED = "doubled"
    REFUSED = "refused"

    @property
    def accepted(self) -> bool:
        return self in (Outcome.CAPTURED, Outcome.LATE)

    @property
    def harmless(self) -> bool:
        """Say whether an honest agent sends such: an answer was lost, or two messages crossed."""
        return self.accepted or self in (Outcome.REPLAYED, Outcome.STALE)


BECAUSE: Final[Mapping[Outcome, str]] = {
    Outcome.CAPTURED: "",
    Outcome.LATE: "it came after the charge was closed: recorded, charged to nobody",
    Outcome.REPLAYED: "this reading was received before",
    Outcome.STALE: "a newer reading was received before this one",
    Outcome.CONFLICT: "another reading was received under the same sequence",
    Outcome.DECREASED: "a cumulative meter never falls, and this reading is below an earlier one",
    Outcome.UNKNOWN: "nothing was promised for this attempt",
    Outcome.FOREIGN_SITE: "another site meters this attempt",
    Outcome.PRICE_CHANGED: "the price of an attempt stands from its first reading on",
    Outcome.ABSURD: "the reading is larger than any use can be",
    Outcome.DOUBLED: "a message carries one reading for each attempt",
    Outcome.REFUSED: "",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A cumulative reading of one draw, with the price that its attempt was assigned at.

    `refusal` is why the caller does not accept it (another site's attempt, a stale fence): it is
    then recorded and not charged. `close_hold` passes on that no other draw will follow.
    """

    draw_id: UUID
    sequence: int
    unit_milliseconds: int
    cpu_milliseconds: int
    memory_peak_bytes: int
    energy_joules: int | None
    final: bool
    price_micros_per_unit_hour: int
    refusal: str = ""
    close_hold: bool = False

    @property
    def cost_micros(self) -> int:
        return cost_micros(
            UnitMilliseconds(self.unit_milliseconds),
            price_micros_per_unit_hour=self.price_micros_per_unit_hour,
        )

    @property
    def body_hash(self) -> bytes:
        """Return what tells one reading from another under the same sequence."""
        body = (
            str(self.unit_milliseconds),
            str(self.cpu_milliseconds),
            str(self.memory_peak_bytes),
            str(self.energy_joules),
            self.final,
        )
        return hashlib.sha256(orjson.dumps(body)).digest()


@dataclass(frozen=True, slots=True)
class Latest:
    """The reading of a draw that counts so far."""

    draw_id: UUID
    site_id: UUID
    sequence: int
    unit_milliseconds: int
    price_micros_per_unit_hour: int


def judge(
    readings: Sequence[Reading], *, site_id: UUID, latest: Mapping[UUID, Latest]
) -> list[Outcome | None]:
    """Return for each reading why it cannot count, or None where the ledger decides."""
    seen: set[UUID] = set()
    judged: list[Outcome | None] = []
    for reading in readings:
        judged.append(
            Outcome.DOUBLED
            if reading.draw_id in seen
            else _refuse(reading, site_id=site_id, latest=latest.get(reading.draw_id))
        )
        seen.add(reading.draw_id)
    return judged


def _refuse(reading: Reading, *, site_id: UUID, latest: Latest | None) -> Outcome | None:
    if reading.refusal:
        return Outcome.REFUSED
    if _is_absurd(reading):
        return Outcome.ABSURD
    if latest is None:
        return None
    if latest.site_id != site_id:
        return Outcome.FOREIGN_SITE
    if latest.price_micros_per_unit_hour != reading.price_micros_per_unit_hour:
        return Outcome.PRICE_CHANGED
    fell = reading.unit_milliseconds < latest.unit_milliseconds
    # The ledger compares costs; at a price of zero, or within one micro-unit, it would see nothing.
    if reading.sequence > latest.sequence and fell:
        return Outcome.DECREASED
    return None


def _is_absurd(reading: Reading) -> bool:
    measured = (
        reading.sequence,
        reading.unit_milliseconds,
        reading.cpu_milliseconds,
        reading.memory_peak_bytes,
        reading.energy_joules or 0,
    )
    out_of_range = any(not 0 <= value <= READING_MAX for value in measured)
    return out_of_range or reading.sequence == 0 or reading.cost_micros > COST_MICROS_MAX

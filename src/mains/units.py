"""Amounts: money in micro-units, metered use in unit-milliseconds; integers only.

Text is converted here, at the edge, and nowhere else.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, NewType, Self

MICROS_PER_UNIT: Final = 1_000_000
MILLISECONDS_PER_HOUR: Final = 3_600_000
BASIS_POINTS: Final = 10_000
MICROS_MAX: Final = 2**62
"""The largest amount that is accepted; two of them still fit a Postgres bigint."""

UnitMilliseconds = NewType("UnitMilliseconds", int)
"""One priced unit (a CPU, an accelerator) held for one millisecond."""

_UNIT = re.compile(r"[A-Z][A-Z0-9-]{2,15}")
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]i?)?B?")
_BYTES_PER_PREFIX: Final = {
    None: 1,
    "k": 10**3,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "ki": 2**10,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in millionths of one currency or credit unit; sums only within one unit."""

    micros: int
    unit: str

    def __post_init__(self) -> None:
        if not _UNIT.fullmatch(self.unit):
            raise ValueError(f"{self.unit!r} is not a currency or credit unit such as CNY")

    @classmethod
    def parse(cls, text: str, unit: str) -> Self:
        """Read a decimal string such as "1250.50"; at most six decimals, nothing rounded.

        Raises ValueError when the text is no such number or is out of range.
        """
        try:
            scaled = Decimal(text).scaleb(6)
        except InvalidOperation:
            raise ValueError(f"{text!r} is not a decimal amount such as 1250.50") from None
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"{text!r} has more than six decimals or is not finite")
        if abs(scaled) > MICROS_MAX:
            raise ValueError(f"{text!r} is larger than this ledger can hold")
        return cls(int(scaled), unit)

    def __add__(self, other: Self) -> Self:
        self._same_unit(other)
        return type(self)(self.micros + other.micros, self.unit)

    def __sub__(self, other: Self) -> Self:
        self._same_unit(other)
        return type(self)(self.micros - other.micros, self.unit)

    def __lt__(self, other: Self) -> bool:
        self._same_unit(other)
        return self.micros < other.micros

    def __le__(self, other: Self) -> bool:
        self._same_unit(other)
        return self.micros <= other.micros

    @property
    def decimal(self) -> str:
        """Return the amount as on the wire: "1250.50", "0.0125"; two to six decimals."""
        return decimal_string(self.micros)

    def __str__(self) -> str:
        return f"{self.decimal} {self.unit}"

    def _same_unit(self, other: Self) -> None:
        if self.unit != other.unit:
            raise ValueError(f"{self.unit} and {other.unit} don't add up without an exchange rate")


def decimal_string(micros: int) -> str:
    """Return micro-units as a plain decimal string with two to six decimals."""
    whole, fraction = divmod(abs(micros), MICROS_PER_UNIT)
    digits = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{digits}"


def cost_micros(used: UnitMilliseconds, *, price_micros_per_unit_hour: int) -> int:
    """Price metered use; rounds up to one micro-unit, so that a charge is never short."""
    return -(-used * price_micros_per_unit_hour // MILLISECONDS_PER_HOUR)


def parse_bytes(text: str | int) -> int:
    """Read "4GiB", "500MB", "2G" or a plain number of bytes; raises ValueError."""
    match = _BYTES.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 4GiB")
    return int(Decimal(match[1]) * _BYTES_PER_PREFIX[match[2]])


def parse_seconds(text: str | int) -> int:
    """Read "90s", "10m", "1h30m", "2d" or a plain number of seconds; raises ValueError."""
    plain = str(text).strip()
    if plain.isdecimal():
        return int(plain)
    match = _DURATION.fullmatch(plain)
    if match is None or not plain:
        raise ValueError(f"{text!r} is not a duration such as 90s, 10m or 1h30m")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

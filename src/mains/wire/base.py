"""The common ground of all schemas: closed objects, decimal money, explicit time."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mains.units import Money

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
DECIMAL_PATTERN: Final = r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$"
TEXT_PATTERN: Final = r"^[^\x00]*$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
DecimalText = Annotated[str, StringConstraints(pattern=DECIMAL_PATTERN)]
Instant = AwareDatetime
Text = Annotated[str, StringConstraints(pattern=TEXT_PATTERN)]
"""Any text that a database can keep: all but the character of code 0."""

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A count that is kept as a bigint."""


class Schema(BaseModel):
    """A closed, frozen object; an unknown key is an error, and no error repeats a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Amount(Schema):
    """Money on the wire: a decimal string and its currency or credit unit."""

    amount: DecimalText
    currency: str

    @classmethod
    def of(cls, money: Money) -> "Amount":
        return cls(amount=money.decimal, currency=money.unit)

    @property
    def money(self) -> Money:
        return Money.parse(self.amount, self.currency)


def isoformat(instant: datetime) -> str:
    """Return an instant as every schema writes it: RFC 3339 with its offset."""
    return instant.isoformat()

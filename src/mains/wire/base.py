"""The common ground of all schemas: closed objects, decimal money, explicit time."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mains.units import Money

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
DecimalText = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$")]
Instant = AwareDatetime
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Any text that a database can keep: all but the character of code 0."""

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A count that is kept as a bigint."""


class Schema(BaseModel):
    """A closed, frozen object; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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

"""The platform's own figures beside the claims: metered here, or said to be cited only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mains.db import Queries, Transaction
from mains.reports.packs.loader import measure_rules
from mains.units import decimal_string
from mains.wire.live import LiveFigure, LiveView

QUERIES: Final = Queries.load(__package__, "live.sql")
COUNT: Final = "count"


@dataclass(frozen=True, slots=True)
class Counterpart:
    """What the platform knows in place of a measure: amounts by currency, or one count.

    Without a query the platform keeps no register of it; `scope` then says which one that is.
    """

    scope: str
    query: str | None = None
    is_money: bool = False


COUNTERPARTS: Final = {
    "vouchers": Counterpart(
        "granted by the programmes of this platform, since it began", "vouchers", is_money=True
    ),
    "vouchers_spent": Counterpart(
        "paid by vouchers of this platform for metered use", "vouchers_spent", is_money=True
    ),
    "programmes": Counterpart(
        "pots of the programmes of this platform, each in its newest version",
        "programmes",
        is_money=True,
    ),
    "users": Counterpart("people entered on this platform", "users"),
    "companies": Counterpart("organisations of the type firm on this platform", "companies"),
    "funding": Counterpart("funding records completed here from reviewed reports", "funding"),
    "scenarios": Counterpart("register of scenarios"),
    "registered_models": Counterpart("register of models"),
    "registered_applications": Counterpart("register of applications"),
}


async def live(tx: Transaction, measures: Iterable[str], *, now: datetime) -> list[LiveView]:
    """Return what the platform itself knows of these measures now, in their order.

    One query for each counterpart, however many measures it stands beside.
    """
    wanted = list(dict.fromkeys(measures))
    names = {measure: _counterpart(measure) for measure in wanted}
    figures = {
        name: await _figures(tx, name, COUNTERPARTS[name])
        for name in dict.fromkeys(names.values())
        if name is not None
    }
    return [_view(measure, names[measure], figures, now=now) for measure in wanted]


async def all_live(tx: Transaction, *, now: datetime) -> list[LiveView]:
    """Return every measure that has a live counterpart, or would have with its register."""
    rules = measure_rules()
    return await live(tx, [name for name, rule in rules.items() if rule.live], now=now)


def _counterpart(measure: str) -> str | None:
    """Return what the platform knows in place of a measure; of ranks nothing."""
    rule = measure_rules().get(measure)
    return None if rule is None else rule.live


async def _figures(tx: Transaction, name: str, counterpart: Counterpart) -> Sequence[LiveFigure]:
    if counterpart.query is None:
        return ()
    rows = await (await tx.execute(QUERIES[counterpart.query])).fetchall()
    return [
        LiveFigure(
            value=decimal_string(int(row["micros"]))
            if counterpart.is_money
            else str(row["number"]),
            unit=row["unit"] if counterpart.is_money else COUNT,
            about=name,
            scope=counterpart.scope,
        )
        for row in rows
    ]


def _view(
    measure: str,
    name: str | None,
    figures: dict[str, Sequence[LiveFigure]],
    *,
    now: datetime,
) -> LiveView:
    if name is None:
        state, note = "cited", "it can't be metered on this platform, and can only be cited"
    elif COUNTERPARTS[name].query is None:
        state, note = "no_register", f"this platform has no {COUNTERPARTS[name].scope} yet"
    elif not figures[name]:
        state, note = "live", f"none yet: {COUNTERPARTS[name].scope}"
    else:
        state, note = "live", COUNTERPARTS[name].scope
    return LiveView.model_validate(
        {
            "measure": measure,
            "counterpart": name,
            "state": state,
            "figures": [] if name is None else list(figures[name]),
            "note": note,
            "at": now,
        }
    )

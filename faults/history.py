"""What was asked of the ledger and answered, and the checker that decides whether it was right.

The checker knows nothing of who asked. Each call is one transaction that drew a witness, the next
number of a sequence, after its last statement: it then held all its locks, so that of two calls
that touch the same rows the one with the lower witness came first. The calls in that order must be
what the plain model answers, and an order of time too: a call that ended before another began has
the lower witness.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from tests.ledger.model import Model

from faults.campaign import Broken

SHOWN_CHARACTERS: Final = 600


class Told(StrEnum):
    """What the caller was told of its COMMIT."""

    DONE = "done"
    REFUSED = "refused"
    """Rolled back by the caller: it has an answer and no effect."""

    UNKNOWN = "unknown"
    NOTHING = "nothing_done"


@dataclass(frozen=True, slots=True)
class Call:
    """One transaction. `began` and `ended` are ticks of the history; `at` is its `now`."""

    kind: str
    asked: tuple[Any, ...]
    answers: tuple[Any, ...]
    at: datetime
    began: int
    ended: int
    witness: int
    xid: int
    told: Told = Told.DONE


class Witness(NamedTuple):
    """A transaction's place in the order of locks, and its id in the database."""

    number: int
    xid: int


@dataclass(slots=True)
class History:
    """The calls so far, with the clock that orders their begins and ends."""

    calls: list[Call] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)
    """When each tick was, by the clock that the server on this machine has too."""

    def tick(self) -> int:
        """Return the next moment."""
        self.moments.append(datetime.now(UTC))
        return len(self.moments) - 1

    def add(
        self,
        kind: str,
        asked: Sequence[Any],
        answers: Sequence[Any],
        *,
        at: datetime,
        began: int,
        witness: Witness,
        told: Told = Told.DONE,
    ) -> Call:
        """Write down a call that has just ended."""
        call = Call(
            kind,
            tuple(asked),
            tuple(answers),
            at,
            began,
            self.tick(),
            witness.number,
            witness.xid,
            told,
        )
        self.calls.append(call)
        return call


def happened(calls: Iterable[Call], committed: Set[int]) -> list[Call]:
    """Return the calls that took place; `committed` are the transactions that the database kept.

    Raises Broken where a caller was told what is not so: unknown alone may be either.
    """
    kept = []
    for call in calls:
        is_kept = call.xid in committed
        if call.told is Told.DONE and not is_kept:
            raise Broken(f"{call.kind} {_short(call.asked)} was acknowledged, and is not there")
        if call.told is Told.NOTHING and is_kept:
            raise Broken(f"{call.kind} {_short(call.asked)} was told undone, and is there")
        if is_kept or call.told is Told.REFUSED:
            kept.append(call)
    return kept


def check(calls: Iterable[Call], *, limited: set[int]) -> Model:
    """Return the model after all calls; raises Broken where one was answered otherwise."""
    ordered = sorted(calls, key=lambda call: call.witness)
    _check_time(ordered)
    model = Model(limited)
    for call in ordered:
        try:
            expected = _ANSWERS[call.kind](model, call)
        except KeyError as error:
            raise Broken(
                f"{call.kind} {_short(call.asked)} is about a stranger: {error}"
            ) from error
        if expected != call.answers:
            raise Broken(
                f"{call.kind} {_short(call.asked)} was answered {_short(call.answers)}, "
                f"and the model says {_short(expected)}"
            )
        _check_limits(model, call)
    return model


def compare(model: Model, stored: Mapping[str, Mapping[Any, Any]]) -> None:
    """Raise Broken unless what the database has in the end is what the model has.

    stored: `rooms` by account (credits, debits, pending), `holds` by id (whether it is open),
    `draws` by id (state, captured per payer, metered, late, overrun).
    """
    kept: dict[str, dict[Any, Any]] = {
        "rooms": {
            key: (account.credits, account.debits, account.pending)
            for key, account in model.accounts.items()
        },
        "holds": {key: hold.open for key, hold in model.holds.items()},
        "draws": {
            key: (draw.state, tuple(draw.captured), draw.metered, draw.late, draw.overrun)
            for key, draw in model.draws.items()
        },
    }
    for what, expected in kept.items():
        found = stored[what]
        for key in expected.keys() | found.keys():
            if expected.get(key) != found.get(key):
                raise Broken(
                    f"{what} {key}: the database has {found.get(key)}, "
                    f"and the model {expected.get(key)}"
                )


def _check_time(ordered: Sequence[Call]) -> None:
    latest = -1
    for call in ordered:
        if call.ended < latest:
            raise Broken(f"{call.kind} {_short(call.asked)} came after a call that began later")
        latest = max(latest, call.began)


def _check_limits(model: Model, call: Call) -> None:
    for account_id, account in model.accounts.items():
        if account.available < 0:
            raise Broken(f"account {account_id} is overspent after {call.kind}")


def _transfer(model: Model, call: Call) -> tuple[Any, ...]:
    return tuple(model.transfer(*asked) for asked in call.asked)


def _place(model: Model, call: Call) -> tuple[Any, ...]:
    return tuple(model.place(request) for request in call.asked)


def _open_draws(model: Model, call: Call) -> tuple[Any, ...]:
    return tuple(model.open_draw(request) for request in call.asked)


def _capture(model: Model, call: Call) -> tuple[Any, ...]:
    return tuple(model.capture(call.asked))


def _close_draws(model: Model, call: Call) -> tuple[Any, ...]:
    return tuple(model.close_draw(draw_id, absorb=absorb) for draw_id, absorb in call.asked)


def _close_holds(model: Model, call: Call) -> tuple[Any, ...]:
    """All or none: one that something is drawn from undoes the whole call."""
    if any(model.has_open_draw(model.holds[hold_id]) for hold_id in call.asked):
        return (False,) * len(call.asked)
    return tuple(model.close_hold(hold_id) for hold_id in call.asked)


def _expire(model: Model, call: Call) -> tuple[Any, ...]:
    """Which overdue holds it takes is its own choice: it passes over those that others lock."""
    return tuple(
        hold_id
        for hold_id in call.answers
        if hold_id in model.holds and model.expire_one(hold_id, call.at)
    )


def _expire_all(model: Model, call: Call) -> tuple[Any, ...]:
    return tuple(sorted(model.expire(call.at)))


_ANSWERS: Final[Mapping[str, Callable[[Model, Call], tuple[Any, ...]]]] = {
    "transfer": _transfer,
    "place": _place,
    "open_draws": _open_draws,
    "capture": _capture,
    "close_draws": _close_draws,
    "close_holds": _close_holds,
    "expire": _expire,
    "expire_all": _expire_all,
}


def _short(told: object) -> str:
    return str(told)[:SHOWN_CHARACTERS]

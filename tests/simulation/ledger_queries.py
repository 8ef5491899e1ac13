"""The ledger's functions, answered by the plain model that the database is tested against."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mains.ledger.rules import Mode
from mains.ledger.service import QUERIES
from mains.ledger.values import DrawRequest, HoldRequest, Leg, UsageCharge
from tests.ledger.model import Draw, Model
from tests.simulation.store import Asked, Row, Store, answers

PAYABLES_FROM: Final = 1_000


def elements(literal: str) -> list[str]:
    """Read a Postgres array literal of one dimension."""
    return list(_elements(literal[1:-1]))


def _elements(inner: str) -> Iterator[str]:
    if '"' not in inner:
        yield from inner.split(",") if inner else ()
        return
    at = 0
    while at < len(inner):
        if inner[at] != '"':
            end = inner.find(",", at)
            end = len(inner) if end < 0 else end
            yield inner[at:end]
            at = end + 1
            continue
        text, at = [], at + 1
        while inner[at] != '"':
            at += inner[at] == "\\"
            text.append(inner[at])
            at += 1
        yield "".join(text)
        at += 2


def numbers(literal: str) -> tuple[int, ...]:
    return tuple(int(text) for text in elements(literal))


@answers(QUERIES, "open_account")
def open_account(store: Store, asked: Asked) -> list[Row]:
    key = (asked["kind"], asked["unit"], asked["owner_id"], asked["scope"])
    if key not in store.payables:
        store.put(store.payables, key, {"id": PAYABLES_FROM + len(store.payables)})
    return [{"id": store.payables[key]["id"]}]


@answers(QUERIES, "rooms")
def rooms(store: Store, asked: Asked) -> list[Row]:
    found = {key: store.ledger.accounts[key] for key in asked["ids"]}
    return [
        {
            "id": key,
            "credits": account.credits,
            "debits": account.debits,
            "pending": account.pending,
            "available": account.available,
        }
        for key, account in found.items()
    ]


@answers(QUERIES, "place")
def place(store: Store, asked: Asked) -> list[Row]:
    store.save_ledger()
    columns = [
        elements(asked[name])
        for name in (
            "ids hashes organisations units ceilings modes amounts accounts payers expiries".split()
        )
    ]
    return [_place(store.ledger, *texts) for texts in zip(*columns, strict=True)]


def _place(
    model: Model,
    key: str,
    digest: str,
    organisation: str,
    unit: str,
    ceiling: str,
    mode: str,
    amounts: str,
    accounts: str,
    payers: str,
    expiry: str,
) -> Row:
    request = HoldRequest(
        hold_id=UUID(key),
        request_hash=bytes.fromhex(digest.removeprefix("\\x")),
        organisation_id=UUID(organisation),
        unit=unit,
        ceiling_micros=int(ceiling),
        mode=Mode(mode),
        amounts=numbers(amounts),
        legs=tuple(map(Leg, numbers(accounts), numbers(payers))),
        expires_at=datetime.fromisoformat(expiry),
    )
    placed = model.place(request)
    return {
        "hold_id": request.hold_id,
        **placed._asdict(),
        "short_account": placed.short_account_id,
    }


@answers(QUERIES, "open_draws")
def open_draws(store: Store, asked: Asked) -> list[Row]:
    store.save_ledger()
    names = ("ids", "holds", "rates", "payer_ceilings", "ceilings", "payables")
    rows = []
    for key, hold, rates, parts, ceiling, payable in zip(
        *(elements(asked[name]) for name in names), strict=True
    ):
        request = DrawRequest(
            UUID(key), UUID(hold), numbers(rates), numbers(parts), int(ceiling), int(payable)
        )
        rows.append({"draw_id": request.draw_id, "outcome": store.ledger.open_draw(request)})
    return rows


@answers(QUERIES, "capture")
def capture(store: Store, asked: Asked) -> list[Row]:
    store.save_ledger()
    names = ("draws", "sequences", "hashes", "costs", "finals", "hold_finals")
    rows = []
    for key, sequence, digest, cost, final, closing in zip(
        *(elements(asked[name]) for name in names), strict=True
    ):
        event = UsageCharge(
            draw_id=UUID(key),
            sequence=int(sequence),
            body_hash=bytes.fromhex(digest.removeprefix("\\x")),
            cost_micros=int(cost),
            final=final == "True",
            close_hold=closing == "True",
        )
        [(outcome, charged, overrun)] = store.ledger.capture([event])
        rows.append(
            {"draw_id": event.draw_id, "outcome": outcome, "charged": charged, "overrun": overrun}
        )
    return rows


@answers(QUERIES, "close_draws")
def close_draws(store: Store, asked: Asked) -> list[Row]:
    store.save_ledger()
    return [
        {"draw_id": key, "outcome": store.ledger.close_draw(key, absorb=absorb)}
        for key, absorb in zip(asked["ids"], asked["absorbs"], strict=True)
    ]


@answers(QUERIES, "close_holds")
def close_holds(store: Store, asked: Asked) -> list[Row]:
    store.save_ledger()
    rows: list[Row] = []
    for key in asked["ids"]:
        closed = store.ledger.close_hold(key)
        rows.append({"hold_id": key, "outcome": "closed" if closed else "draws_open"})
        store.commit.closed.append(key)
    return rows


def room_of(store: Store, hold_id: UUID) -> Row:
    """Return what a hold has promised and what its draws keep of it, per payer."""
    hold = store.ledger.holds[hold_id]
    payers = range(len(hold.request.amounts))
    return {
        "id": hold_id,
        "amounts": list(hold.request.amounts),
        "reserved": [store.ledger.claimed(hold, payer) for payer in payers],
        "captured": [0 for _ in payers],
    }


def draws_of(store: Store, hold_id: UUID) -> list[Draw]:
    hold = store.ledger.holds[hold_id]
    return [draw for draw in store.ledger.draws.values() if draw.hold is hold]


def is_open(store: Store, hold_id: UUID) -> bool:
    """Say whether a hold is open and nothing is drawn from it."""
    hold: Any = store.ledger.holds[hold_id]
    return bool(hold.open) and not store.ledger.has_open_draw(hold)

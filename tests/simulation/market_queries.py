"""What sites, parties, programmes, quotes and metering ask of their tables."""

from typing import Final

from mains.metering.service import QUERIES as METERING
from mains.parties.service import QUERIES as PARTIES
from mains.programmes.publications import QUERIES as PROGRAMMES
from mains.quotes.service import QUERIES as QUOTES
from mains.sites.service import QUERIES as SITES
from tests.simulation.store import Asked, Row, Store, answers, nothing

REPORTED: Final = ("units", "cpus", "memory_bytes")

nothing(METERING, "keep_statement")
nothing(PROGRAMMES, "lock_vouchers_due")


@answers(PARTIES, "organisations_by_id")
def organisations_by_id(store: Store, asked: Asked) -> list[Row]:
    return [store.organisations[key] for key in asked["ids"] if key in store.organisations]


@answers(PROGRAMMES, "payers")
def payers(store: Store, asked: Asked) -> list[Row]:
    wanted = set(asked["organisation_ids"])
    return [row for row in store.vouchers.values() if row["organisation_id"] in wanted]


@answers(QUOTES, "insert_quotes")
def insert_quotes(store: Store, asked: Asked) -> list[Row]:
    for row in asked["rows"].obj:
        if row["id"] not in store.quotes:
            store.put(store.quotes, row["id"], row)
    return []


@answers(QUOTES, "quotes_by_id")
def quotes_by_id(store: Store, asked: Asked) -> list[Row]:
    return [store.quotes[key] for key in asked["ids"] if key in store.quotes]


@answers(QUOTES, "own_accounts")
def own_accounts(store: Store, asked: Asked) -> list[Row]:
    accounts = store.ledger.accounts
    return [
        {
            "id": row["account"],
            "owner_id": key,
            "unit": row["currency"],
            "available": accounts[row["account"]].available,
        }
        for key, row in ((key, store.money[key]) for key in asked["ids"])
    ]


@answers(SITES, "all_sites")
def all_sites(store: Store, _asked: Asked) -> list[Row]:
    return sorted(store.sites.values(), key=lambda row: row["name"])


@answers(SITES, "one_site")
def one_site(store: Store, asked: Asked) -> list[Row]:
    row = store.sites.get(asked["id"])
    return [] if row is None else [row]


@answers(SITES, "lock_site")
def lock_site(store: Store, asked: Asked) -> list[Row]:
    return [store.sites[asked["id"]]]


@answers(SITES, "speaker")
def speaker(store: Store, asked: Asked) -> list[Row]:
    row = store.sites.get(asked["site_id"])
    keys = ("id", "name", "state", "public_key", "epoch")
    never = {"previous_key": None, "previous_key_until": None, "rotation_asked": False}
    return [] if row is None else [{key: row[key] for key in keys} | never]


@answers(SITES, "set_state")
def set_state(store: Store, asked: Asked) -> list[Row]:
    store.change(store.sites, asked["site_id"], state=asked["state"])
    return []


@answers(SITES, "registration")
def registration(store: Store, asked: Asked) -> list[Row]:
    row = store.registrations.get((asked["site_id"], asked["instance_id"]))
    return [] if row is None else [row]


@answers(SITES, "next_epoch")
def next_epoch(store: Store, asked: Asked) -> list[Row]:
    site_id = asked["site_id"]
    epoch = store.sites[site_id]["epoch"] + 1
    store.put(store.registrations, (site_id, asked["instance_id"]), {"epoch": epoch})
    for key, pool in store.pools.items():
        if pool["site_id"] == site_id:
            blank = {f"reported_{name}": None for name in REPORTED}
            store.change(store.pools, key, **blank, isolation=None, memory_limit=None)
    store.change(store.sites, site_id, epoch=epoch, host=asked["host"], last_seen=asked["now"])
    return [{"epoch": epoch}]


@answers(SITES, "renew_lease")
def renew_lease(store: Store, asked: Asked) -> list[Row]:
    row = store.sites[asked["site_id"]]
    until, stands = asked["lease_until"], row["lease_until"]
    set_back = stands is not None and stands > until + (until - asked["now"])
    due = stands is None or stands <= until - asked["interval"] or set_back
    if row["epoch"] == asked["epoch"] and due:
        row = store.change(store.sites, asked["site_id"], last_seen=asked["now"], lease_until=until)
    return [{"epoch": row["epoch"], "lease_until": row["lease_until"]}]


@answers(SITES, "report_pools")
def report_pools(store: Store, asked: Asked) -> list[Row]:
    for at, key in enumerate(asked["pool_ids"]):
        found = {f"reported_{name}": asked[name][at] for name in REPORTED}
        store.change(
            store.pools,
            key,
            **found,
            isolation=asked["isolations"][at],
            memory_limit=asked["memory_limits"][at],
        )
    return []


@answers(SITES, "pools_with_prices")
def pools_with_prices(store: Store, asked: Asked) -> list[Row]:
    return [pool for pool in store.pools.values() if asked["site_id"] in (None, pool["site_id"])]


@answers(METERING, "latest")
def latest(store: Store, asked: Asked) -> list[Row]:
    keys = ("draw_id", "site_id", "sequence", "unit_milliseconds", "price_micros_per_unit_hour")
    found = (store.readings[key] for key in asked["draw_ids"] if key in store.readings)
    return [{key: row[key] for key in keys} for row in found]


@answers(METERING, "keep_readings")
def keep_readings(store: Store, asked: Asked) -> list[Row]:
    for at, key in enumerate(asked["draw_ids"]):
        known = store.readings.get(key)
        if known is None or known["sequence"] < asked["sequences"][at]:
            row = {
                "draw_id": key,
                "site_id": asked["site_id"],
                "sequence": asked["sequences"][at],
                "unit_milliseconds": asked["unit_milliseconds"][at],
                "price_micros_per_unit_hour": asked["prices"][at],
                "final": asked["finals"][at],
            }
            store.put(store.readings, key, row)
    return []


@answers(METERING, "keep_refusals")
def keep_refusals(store: Store, asked: Asked) -> list[Row]:
    for at, key in enumerate(asked["draw_ids"]):
        reason = asked["reasons"][at]
        store.put(store.refusals, (key, asked["sequences"][at], reason), {"reason": reason})
    return []

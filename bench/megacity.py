"""A city of a thousand sites and a million waiting jobs, filled into a real Postgres by COPY."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import orjson
import psycopg

from bench import shapes
from bench.shapes import Shape
from mains.ids import new_id
from mains.jobs.terms import terms_digest
from mains.quotes.rules import BEST_MAX, CHOICES, SPREAD_MAX
from mains.units import UnitMilliseconds, cost_micros

SITES: Final = 1_000
POOLS_PER_SITE: Final = 10
ORGANISATIONS: Final = 200
SHAPES: Final = 20_000
CURRENCY: Final = "CNY"
NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)
WAITED_MOST: Final = timedelta(days=7)
ROOM_MICROS: Final = 10**17
BATCH: Final = 100_000
GRACE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Pool:
    id: UUID
    tariff_id: UUID
    price_micros: int


@dataclass
class Megacity:
    """What was filled in so far; jobs are drawn from one seed, in the same order every time."""

    owner_url: str
    random: Random = field(default_factory=lambda: Random(20_260_105))
    pools: list[Pool] = field(default_factory=list)
    organisations: list[UUID] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    digests: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Terms that are there, by the organisation's choice and the shape."""

    def found(self) -> None:
        """Build sites that are reachable, and organisations with money."""
        self.shapes = shapes.shapes(SHAPES, self.random)
        self.organisations = [new_id() for _ in range(ORGANISATIONS)]
        with psycopg.connect(self.owner_url) as connection, connection.cursor() as cursor:
            _copy(
                cursor,
                "parties.organisation (id, name, title, type, created_at)",
                ((key, f"org-{n}", "", "firm", NOW) for n, key in enumerate(self.organisations)),
            )
            cursor.execute(
                "insert into ledger.account (kind, unit, owner_id, scope, limited, credits,"
                " pending, opened_at)"
                " select 'own', %s, id, '', true, %s, 0, %s from parties.organisation",
                [CURRENCY, ROOM_MICROS, NOW],
            )
            self._sites(cursor)

    def _sites(self, cursor: psycopg.Cursor) -> None:
        sites = [new_id() for _ in range(SITES)]
        key_of = "0" * 64
        lease_until = NOW + timedelta(days=365)
        _copy(
            cursor,
            "sites.site (id, name, title, organisation_id, attributes, public_key, epoch,"
            " last_seen, lease_until, created_at)",
            (
                (
                    key,
                    f"site-{n}",
                    "",
                    self.organisations[0],
                    "{}",
                    key_of,
                    1,
                    NOW,
                    lease_until,
                    NOW,
                )
                for n, key in enumerate(sites)
            ),
        )
        placed = [(new_id(), site, n) for site in sites for n in range(POOLS_PER_SITE)]
        full = (shapes.GPUS_MAX, shapes.NODE_CPUS, shapes.NODE_MEMORY_BYTES)
        _copy(
            cursor,
            "sites.pool (id, site_id, name, unit, units, cpus, memory_bytes, host_share_percent,"
            " trusted, engine, reported_units, reported_cpus, reported_memory_bytes, isolation,"
            " created_at)",
            (
                (key, site, f"pool-{n}", "gpu", *full, 10, False, "fake", *full, "fake", NOW)
                for key, site, n in placed
            ),
        )
        self.pools = [
            Pool(key, new_id(), self.random.randrange(5_000_000, 40_000_000))
            for key, _, _ in placed
        ]
        self.pools.sort(key=lambda pool: pool.price_micros)
        _copy(
            cursor,
            "sites.tariff (id, pool_id, version, price_micros_per_unit_hour, currency, from_at)",
            ((p.tariff_id, p.id, 1, p.price_micros, CURRENCY, NOW) for p in self.pools),
        )

    def submit(self, jobs: int, *, at: datetime | None = None) -> None:
        """Let this many more jobs wait: since `at`, or since some time of the last week."""
        weights = shapes.popularity(len(self.shapes))
        shares = shapes.organisations(ORGANISATIONS)
        with psycopg.connect(self.owner_url) as connection:
            while jobs:
                batch = min(jobs, BATCH)
                jobs -= batch
                drawn = zip(
                    self.random.choices(range(ORGANISATIONS), weights=shares, k=batch),
                    self.random.choices(range(len(self.shapes)), weights=weights, k=batch),
                    strict=True,
                )
                self._insert(connection, list(drawn), at)
                connection.commit()

    def _insert(
        self,
        connection: psycopg.Connection,
        drawn: Sequence[tuple[int, int]],
        at: datetime | None,
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_STAGE)
            _copy(cursor, "fresh (digest, terms)", self._new_terms(drawn))
            _copy(
                cursor,
                "drawn (id, quote_id, organisation_id, units, cpus, memory_bytes, seconds,"
                " ceiling, terms, submitted_at)",
                self._rows(drawn, at),
            )
            for statement in _INSERTS:
                cursor.execute(statement)

    def _rows(
        self, drawn: Sequence[tuple[int, int]], at: datetime | None
    ) -> Iterator[tuple[object, ...]]:
        dearest = self.pools[-1].price_micros
        for organisation, number in drawn:
            shape, party = self.shapes[number], self.organisations[organisation]
            waited = WAITED_MOST * self.random.random()
            yield (
                *(new_id(), new_id(), party, *shape[:3], shape.seconds),
                _task_micros(shape, dearest),
                self.digests[party.int % CHOICES, number],
                at or NOW - waited,
            )

    def _new_terms(self, drawn: Iterable[tuple[int, int]]) -> Iterator[tuple[bytes, str]]:
        for organisation, number in drawn:
            key = (self.organisations[organisation].int % CHOICES, number)
            if key not in self.digests:
                terms = self._terms(*key)
                self.digests[key] = terms_digest(terms)
                yield self.digests[key], orjson.dumps(terms).decode()

    def _terms(self, choice: int, number: int) -> dict[str, object]:
        """Choose pools as a quote does: the cheapest, and some of the others."""
        seed = hashlib.blake2b(f"{choice} {number}".encode(), digest_size=8).digest()
        others = Random(seed).sample(range(BEST_MAX, len(self.pools)), SPREAD_MAX)
        offers = []
        for pool in [*self.pools[:BEST_MAX], *(self.pools[index] for index in sorted(others))]:
            most = _task_micros(self.shapes[number], pool.price_micros)
            ids = [str(pool.id), str(pool.tariff_id)]
            offers.append([*ids, pool.price_micros, most, most, []])
        return {"currency": CURRENCY, "offers": offers}


def _task_micros(shape: Shape, price_micros: int) -> int:
    most = UnitMilliseconds(shape.gpus * (shape.seconds + GRACE_SECONDS) * 1000)
    return cost_micros(most, price_micros_per_unit_hour=price_micros)


def _copy(cursor: psycopg.Cursor, into: str, rows: Iterable[Sequence[object]]) -> None:
    with cursor.copy(f"copy {into} from stdin") as copy:
        for row in rows:
            copy.write_row(row)


_STAGE: Final = """
create temporary table drawn (
  id uuid, quote_id uuid, organisation_id uuid, units integer, cpus integer, memory_bytes bigint,
  seconds integer, ceiling bigint, terms bytea, submitted_at timestamptz
) on commit drop;
create temporary table fresh (digest bytea, terms jsonb) on commit drop
"""
# Quotes are without their offers, which placement does not read: it has the terms.
_INSERTS: Final = (
    "insert into jobs.terms select digest, terms from fresh on conflict do nothing",
    """
insert into quotes.quote (
  id, organisation_id, person_id, spec, currency, tasks, ceiling, own_most, amounts, leg_accounts,
  leg_payers, payers, offers, refusals, created_at, valid_until
)
select
  quote_id, organisation_id, organisation_id, '{}', account.unit, 1, ceiling, ceiling,
  array[ceiling], array[account.id], array[0]::smallint[], '[]', '[]', '[]', submitted_at,
  submitted_at + interval '1 hour'
from drawn
join ledger.account on account.owner_id = drawn.organisation_id and account.kind = 'own'
""",
    """
insert into ledger.hold (
  id, request_hash, organisation_id, unit, mode, ceiling, amounts, leg_accounts, leg_payers,
  leg_money, reserved, captured, placed_at, expires_at
)
select
  drawn.id, '', organisation_id, account.unit, 'ratio', ceiling, array[ceiling],
  array[account.id], array[0]::smallint[], array[true], array[0::bigint], array[0::bigint],
  submitted_at, submitted_at + interval '1 year'
from drawn
join ledger.account on account.owner_id = drawn.organisation_id and account.kind = 'own'
""",
    """
update ledger.account set pending = pending + promised.micros
from (
  select organisation_id, sum(ceiling)::bigint as micros from drawn group by organisation_id
) as promised
where account.owner_id = promised.organisation_id and account.kind = 'own'
""",
    """
insert into jobs.job (
  id, organisation_id, person_id, quote_id, request_hash, name, spec, unit, units, cpus,
  memory_bytes, tasks, time_seconds, grace_seconds, retry, attempts_max, terms, waiting,
  submitted_at, queue_deadline
)
select
  id, organisation_id, organisation_id, quote_id, '', 'trace', '{}', 'gpu', units, cpus,
  memory_bytes, 1, seconds, 30, 'wait', 3, terms, '{[0,1)}', submitted_at,
  submitted_at + interval '1 year'
from drawn
""",
)

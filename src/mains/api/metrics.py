"""Prometheus metrics: requests by route, how much work there is, and what alerts look at."""

import shutil
import time
from collections import Counter as Tally
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mains.db import Queries, Transaction
from mains.jobs.views import unsettled_jobs
from mains.parties.rates.buckets import Rates
from mains.settings import Settings
from mains.sites import rules as site_rules
from mains.sites import service as sites

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
QUERIES: Final = Queries.load(__package__, "queries.sql")
BACKUP_NOTE: Final = "backup.json"
CERTIFICATE: Final = "tls.pem"

_GAUGES: Final = {
    "database_bytes": "Size of the database.",
    "database_clock_skew_seconds": "The database's clock minus this process's.",
    "queue_oldest_seconds": "How long the oldest waiting job waits; 0 where none does.",
    "holds_expiring": "Holds that nothing draws from and that expire within the hour.",
    "meters_refused": "Meter readings that changed no charge, as long as they are kept.",
    "disk_free_bytes": "Room on the disk of the home.",
    "disk_bytes": "Size of the disk of the home.",
}
_TIMES: Final = {
    "dispatcher_seen_timestamp_seconds": "When the dispatcher last looked after things.",
    "audit_timestamp_seconds": "When the last audit ended.",
    "backup_timestamp_seconds": "When the last backup ended, where its note lies in the home.",
    "certificate_end_timestamp_seconds": "When the certificate of HTTPS ends, where there is one.",
}


class Metrics:
    """One registry per application, so that several may live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "mains_http_request_seconds",
            "Requests by route and status; a long poll counts as long as it is held.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._jobs = self._gauge("jobs_unsettled", "Jobs by state, until settled.", "state")
        self._sites = self._gauge("sites", "Sites by condition.", "condition")
        self._skew = self._gauge(
            "agent_clock_skew_seconds", "How far the clock of a site's agent was off.", "site"
        )
        self._limited = self._gauge(
            "http_rate_limited_requests", "Requests refused for coming too fast.", "door"
        )
        self._findings = self._gauge(
            "audit_findings", "Invariants that the last audit found broken."
        )
        self._keys = self._gauge(
            "key_made_timestamp_seconds", "When a version of a server's key was made.", "kind"
        )
        self._single = {name: self._gauge(name, text) for name, text in _GAUGES.items()}
        # Without a label there would be a 0 before there is a time: an alert would read 1970.
        self._times = {name: self._gauge(name, text, "of") for name, text in _TIMES.items()}

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = route.path if route is not None else "unknown"
        self._requests.labels(scope["method"], path, str(status)).observe(seconds)

    async def text(
        self, tx: Transaction, *, settings: Settings, rates: Rates, now: datetime
    ) -> bytes:
        """Return everything in Prometheus' text format."""
        await self._read_work(tx, now=now)
        await self._read_signs(tx)
        self._read_disk(settings)
        self._limited.clear()
        for door, refused in rates.refused.items():
            self._limited.labels(door.value).set(refused)
        return generate_latest(self._registry)

    def note_skew(self, site: str, seconds: float) -> None:
        self._skew.labels(site).set(seconds)

    async def _read_work(self, tx: Transaction, *, now: datetime) -> None:
        self._jobs.clear()
        for state, jobs in (await unsettled_jobs(tx)).items():
            self._jobs.labels(state).set(jobs)
        self._sites.clear()
        conditions = Tally(site_rules.condition(site, now=now) for site in await sites.sites(tx))
        for condition, count in conditions.items():
            self._sites.labels(condition).set(count)
        row = await (await tx.execute(QUERIES["gauges"], {"now": now})).fetchone()
        assert row is not None, "a select without a table has one row"
        skew = row.pop("database_seconds") - now.timestamp()
        self._single["database_clock_skew_seconds"].set(skew)
        for name, value in row.items():
            self._single[name].set(value or 0)

    async def _read_signs(self, tx: Transaction) -> None:
        names = {"audit": "audit_timestamp_seconds"}
        names["dispatcher"] = "dispatcher_seen_timestamp_seconds"
        for row in await (await tx.execute(QUERIES["signs_of_life"])).fetchall():
            self._times[names[row["name"]]].labels("last").set(row["seen_seconds"])
            if row["name"] == "audit":
                self._findings.set(row["findings"])
        self._keys.clear()
        newest: dict[str, float] = {}
        for row in await (await tx.execute(QUERIES["key_versions"])).fetchall():
            newest[row["kind"]] = max(row["made_seconds"], newest.get(row["kind"], 0.0))
        for kind, made in newest.items():
            self._keys.labels(kind).set(made)

    def _read_disk(self, settings: Settings) -> None:
        usage = shutil.disk_usage(settings.home)
        self._single["disk_free_bytes"].set(usage.free)
        self._single["disk_bytes"].set(usage.total)
        backup = settings.home / BACKUP_NOTE
        if backup.exists():
            self._times["backup_timestamp_seconds"].labels("last").set(backup.stat().st_mtime)
        end = _certificate_end(settings.keys / CERTIFICATE)
        if end is not None:
            self._times["certificate_end_timestamp_seconds"].labels("served").set(end)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"mains_{name}", text, labels, registry=self._registry)


class Observed:
    """Times every request of the application that it wraps."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.observe(scope, status, time.perf_counter() - started)
            skew = scope.get("state", {}).get("agent_skew")
            if skew is not None:
                self._metrics.note_skew(*skew)


def _certificate_end(path: Path) -> float | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None

"""Prometheus metrics: requests by route, and how much work there is."""

import time
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mains.db import Transaction
from mains.jobs.views import unsettled_jobs

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


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
        self._jobs = Gauge(
            "mains_jobs_unsettled",
            "Jobs by state, until settled.",
            ["state"],
            registry=self._registry,
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = route.path if route is not None else "unknown"
        self._requests.labels(scope["method"], path, str(status)).observe(seconds)

    async def text(self, tx: Transaction) -> bytes:
        """Return everything in Prometheus' text format."""
        self._jobs.clear()
        for state, jobs in (await unsettled_jobs(tx)).items():
            self._jobs.labels(state).set(jobs)
        return generate_latest(self._registry)


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

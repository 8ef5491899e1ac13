"""Everything is wired here, once: the API's parts over one database and one set of keys."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from mains.clock import Clock
from mains.daemon import stores
from mains.db import Database
from mains.jobs.intake import Intake
from mains.jobs.secrets import SecretBox
from mains.jobs.submission import Terms
from mains.parties import keyfiles
from mains.parties.rates.buckets import Rates
from mains.quotes.rules import Load
from mains.reports.door import ReportsWired
from mains.reports.library import Shelf
from mains.reports.reading_pool import ReadingLimits, ReadingPool
from mains.settings import Settings


def wire(*, database: Database, settings: Settings, clock: Clock) -> ReportsWired:
    """Return what the API's routes work with; the keys are made on the first start."""
    settings.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    box = SecretBox.from_files(settings.keys)
    loads: dict[UUID, Load] = {}
    terms = Terms(
        quote_validity=timedelta(seconds=settings.quote_validity_seconds),
        queue_deadline=timedelta(seconds=settings.queue_deadline_seconds),
    )
    return ReportsWired(
        database=database,
        clock=clock,
        settings=settings,
        pepper=keyfiles.Peppers.from_files(settings.keys),
        blobs=stores.jobs(settings),
        signers=keyfiles.Signers.from_files(settings.keys),
        box=box,
        loads=loads,
        rates=Rates.of(settings),
        intake=Intake(database=database, clock=clock, box=box, terms=terms, loads=loads),
        shelf=_shelf(database, settings),
    )


def _shelf(database: Database, settings: Settings) -> Shelf:
    """Documents have a store of their own: what jobs leave is dropped after its retention."""
    limits = ReadingLimits(
        workers_max=settings.reading_workers_max,
        waiting_max=settings.reading_waiting_max,
        seconds_max=settings.reading_seconds_max,
        idle_seconds=settings.reading_idle_seconds,
    )
    return Shelf(
        database=database,
        contents=stores.documents(settings),
        reading=ReadingPool(limits, model=_model(settings)),
        incoming=settings.home / "incoming",
        document_bytes_max=settings.report_bytes_max,
        organisation_bytes_max=settings.reports_bytes_max,
    )


def _model(settings: Settings) -> dict[str, Any] | None:
    """Return what reading processes have to know of a model that proposes; None where it is off."""
    if settings.model_url is None:
        return None
    # Loads the readers, which only an instance with a model may spare the memory for.
    from mains.reports.proposing.reading import model_for_worker

    return model_for_worker(settings)

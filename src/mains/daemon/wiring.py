"""Everything is wired here, once: the API's parts over one database and one set of keys."""

from datetime import timedelta
from uuid import UUID

from mains.blobs import Store
from mains.clock import Clock
from mains.db import Database
from mains.jobs.door import JobsWired
from mains.jobs.intake import Intake
from mains.jobs.secrets import SecretBox
from mains.jobs.submission import Terms
from mains.parties import keyfiles
from mains.quotes.rules import Load
from mains.settings import Settings
from mains.wire import dsse


def wire(*, database: Database, settings: Settings, clock: Clock) -> JobsWired:
    """Return what the API's routes work with; the keys are made on the first start."""
    settings.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    box = SecretBox.from_file(settings.keys / "secrets")
    loads: dict[UUID, Load] = {}
    terms = Terms(
        quote_validity=timedelta(seconds=settings.quote_validity_seconds),
        queue_deadline=timedelta(seconds=settings.queue_deadline_seconds),
    )
    return JobsWired(
        database=database,
        clock=clock,
        settings=settings,
        pepper=keyfiles.pepper(settings.keys),
        blobs=Store.open(settings.blobs_url or settings.home / "blobs"),
        signer=dsse.load_or_create(settings.keys / "signing.pem"),
        box=box,
        loads=loads,
        intake=Intake(database=database, clock=clock, box=box, terms=terms, loads=loads),
    )

"""Reading with a model beside the reader: the one seam that servers and the offline reader use.

    reading = read(document)                             # without a model
    reading = read(document, own_proposer())             # with that of the environment, if any
    proposer = proposer_of(settings)                     # None where the settings name none

The deterministic reading always stands: whatever the model does, the worst that follows is a note.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from mains.reports.documents.document import Document
from mains.reports.reader import reader
from mains.reports.values import Reading, Reason
from mains.settings import Settings

if TYPE_CHECKING:
    from mains.reports.proposing.asking import Proposer
    from mains.reports.proposing.proposals import Proposals

PROPOSERS_MAX: Final = 4
DOCUMENT_SECONDS_MAX: Final = 120.0
"""After this time no further block of a document is sent: reading it must end in time."""


def read(document: Document, proposer: Proposer | None = None) -> Reading:
    """Return what the document states; a proposer may complete what could not be bound."""
    reading = reader.read(document)
    return reading if proposer is None else with_proposals(document, reading, proposer)


def with_proposals(
    document: Document,
    reading: Reading,
    proposer: Proposer,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Reading:
    """Return the reading with what stands of the proposals, and notes on what became of them."""
    # A process that only reads needs neither this nor an HTTP client.
    from mains.reports.proposing.asking import passages
    from mains.reports.proposing.faults import ModelFault
    from mains.reports.proposing.judging import judge

    asked, left_out = passages(document)
    until = clock() + DOCUMENT_SECONDS_MAX
    held: list[Proposals] = []
    notes: list[Reason] = []
    for passage in asked:
        if clock() > until:
            notes.append(Reason("model_slow", "The model was too slow to see every block."))
            break
        try:
            held.append(proposer.propose(passage))
        except ModelFault as fault:
            notes.append(Reason(fault.code, f"{fault.words} The reading stands without it."))
            break
    judged, tally = judge(document, reading, held)
    if held:
        notes.insert(0, Reason("model_asked", tally.words()))
    if left_out:
        words = f"{left_out:,} blocks were not shown to the model: they are too long or too many."
        notes.append(Reason("model_not_shown", words))
    return replace(judged, notes=(*judged.notes, *notes))


@cache
def own_proposer() -> Proposer | None:
    """Return the proposer that this process' environment names, made once; None without one."""
    if not os.environ.get("MAINS_MODEL_URL"):
        return None
    return proposer_of(Settings.from_environment())


def proposer_of(settings: Settings) -> Proposer | None:
    """Return the proposer that the settings name; None, which is the default, without one.

    Raises SetupMissing where they name it wrongly.
    """
    return proposer_in_worker(model_for_worker(settings))


def model_for_worker(settings: Settings) -> dict[str, Any] | None:
    """Return what a reading process has to know of the model, as JSON; None where it is off.

    It holds the key: for the process' own input only. Raises SetupMissing.
    """
    if settings.model_url is None:
        return None
    from mains.reports.proposing.endpoint import ModelSettings

    named = ModelSettings.from_settings(settings)
    return None if named is None else asdict(named)


def proposer_in_worker(model: Mapping[str, Any] | None) -> Proposer | None:
    """Return the proposer of what `model_for_worker` gave; equal models have one in a process."""
    return None if model is None else _proposer(tuple(sorted(model.items())))


@lru_cache(maxsize=PROPOSERS_MAX)
def _proposer(model: tuple[tuple[str, Any], ...]) -> Proposer:
    from mains.reports.proposing.asking import ModelProposer
    from mains.reports.proposing.endpoint import ModelEndpoint, ModelSettings

    return ModelProposer(ModelEndpoint(ModelSettings(**dict(model))))

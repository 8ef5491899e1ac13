"""What the routes of reports need beyond those of jobs: the shelf of documents, and its readers."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from mains.jobs.door import JobsWired
from mains.reports.library import Shelf


@dataclass(slots=True, kw_only=True)
class ReportsWired(JobsWired):
    """Wired once by the daemon; whoever runs the application ends `shelf.reading`."""

    shelf: Shelf


async def _wired(request: Request) -> ReportsWired:
    wired = request.app.state.mains
    assert isinstance(wired, ReportsWired)
    return wired


ReportsWiredDependency = Annotated[ReportsWired, Depends(_wired)]

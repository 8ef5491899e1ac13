"""The HTTP door of live figures: totals of this platform, beside what reports claim."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from mains.parties.door import CallerDependency, NowDependency, TransactionDependency
from mains.reports import live
from mains.wire.live import LiveView

MEASURES_MAX: Final = 100

router: Final = APIRouter(prefix="/v1/reports", tags=["reports"])


@router.get("/live")
async def live_figures(
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    measure: Annotated[list[str] | None, Query(max_length=MEASURES_MAX)] = None,
) -> list[LiveView]:
    """Return this platform's own figures for these measures, or for all that can have one."""
    if measure is None:
        return await live.all_live(tx, now=now)
    return await live.live(tx, measure, now=now)

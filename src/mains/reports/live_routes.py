"""The HTTP door of live figures: totals of this platform, beside what reports claim."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from mains.parties.door import CallerDependency, NowDependency, TransactionDependency
from mains.reports import live
from mains.wire.live import LiveView

MEASURES_CHARACTERS_MAX: Final = 4_000

router: Final = APIRouter(prefix="/v1/reports", tags=["reports"])


@router.get("/live")
async def live_figures(
    caller: CallerDependency,
    tx: TransactionDependency,
    now: NowDependency,
    measures: Annotated[
        str | None,
        Query(max_length=MEASURES_CHARACTERS_MAX, description="Measures, parted by commas."),
    ] = None,
) -> list[LiveView]:
    """Return this platform's own figures for these measures, or for all that can have one."""
    if measures is None:
        return await live.all_live(tx, now=now)
    return await live.live(tx, measures.split(","), now=now)

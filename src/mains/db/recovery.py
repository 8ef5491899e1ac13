"""How far a copied database is brought: to its backup's end, a moment, or the archive's end."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mains.db.archive import fetching
from mains.errors import DatabaseUnavailable, MainsError, RequestInvalid, StoreCorrupt

_LAST: Final = re.compile(r"last completed transaction was at log time ([^\n]+)")
_UNREACHED: Final = "recovery ended before configured recovery target was reached"
_DAMAGED: Final = "could not restore file"


@dataclass(frozen=True, slots=True)
class Recovery:
    """Without an archive, and without `until` or `to_end`, it ends where the backup ends.

    until: the last moment whose commits are kept; `to_end` keeps all that the archive has.
    """

    archive: Path | None = None
    until: datetime | None = None
    to_end: bool = False

    def settings(self) -> dict[str, str]:
        """Return what the configuration needs besides, quoted."""
        asked = {
            "restore_command": "'/bin/false'",
            "recovery_target_action": "'promote'",
            "hot_standby": "off",
            # What it says of an end too soon is read where a start says it.
            "logging_collector": "off",
        }
        if self.archive is not None:
            asked["restore_command"] = '\'/bin/sh ../fetch.sh "%f" "%p"\''
        if self.until is not None:
            moment = self.until.astimezone(UTC).isoformat(sep=" ")
            asked["recovery_target_time"] = f"'{moment}'"
        elif not self.to_end:
            asked["recovery_target"] = "'immediate'"
        return asked

    def script(self) -> str:
        """Return the program that brings segments back; without an archive nothing calls it."""
        return fetching(self.archive or Path("/nonexistent"))

    def translated(self, error: DatabaseUnavailable) -> MainsError:
        """Return what a recovery that ended early means."""
        if _UNREACHED in error.detail:
            last = _LAST.search(error.detail)
            reached = f"; the last commit in it is of {last[1].strip()}" if last else ""
            return RequestInvalid(
                f"The archive does not reach {self.until}{reached}.",
                hint="Ask for a time up to then, or for `latest`: all that the archive has.",
            )
        if _DAMAGED in error.detail:
            return StoreCorrupt(
                f"A segment of {self.archive} is damaged: {error.detail[-300:]}",
                hint="Restore to a time before it; the backup alone is not concerned.",
            )
        return error

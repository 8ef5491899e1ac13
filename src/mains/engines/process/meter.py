"""What a run has used so far: time, processor and memory, by its groups or by its processes."""

import os
import resource
import time

from mains.engines.process import cgroups, processes
from mains.engines.process.folder import Json


class Meter:
    """Cumulative from its making on, on top of what an older fence of the attempt had used."""

    def __init__(self, groups: cgroups.Groups, *, units: int, carried: Json) -> None:
        self._groups = groups
        self._units = units
        self._carried = carried
        self._began = time.monotonic()
        self._sequence = int(carried.get("sequence", 0))
        self._peak_bytes = int(carried.get("memory_peak_bytes", 0))
        self._cpu_milliseconds = 0
        self.resident_bytes = 0

    def unit_milliseconds_since(self, begun: float) -> int:
        """Price-relevant use from a monotonic time until now."""
        return int((time.monotonic() - begun) * 1_000) * self._units

    def sample(self) -> None:
        """Look at the processes; where no group counts, this is the only way to see a peak."""
        self._peak_bytes = max(self._peak_bytes, cgroups.memory_peak_bytes(self._groups) or 0)
        counted = cgroups.cpu_milliseconds(self._groups)
        if counted is None or cgroups.memory_limit(self._groups) == "polled":
            living = processes.descendants(os.getpid()).values()
            pages = sum(process.resident_pages for process in living)
            self.resident_bytes = pages * processes.PAGE_BYTES
            self._peak_bytes = max(self._peak_bytes, self.resident_bytes)
            ended = resource.getrusage(resource.RUSAGE_CHILDREN)
            ticks = sum(process.cpu_ticks for process in living)
            seconds = ended.ru_utime + ended.ru_stime + ticks / processes.TICKS_PER_SECOND
            counted = int(seconds * 1_000) if counted is None else counted
        self._cpu_milliseconds = max(self._cpu_milliseconds, counted)

    def reading(self, *, final: bool) -> Json:
        """Return the next reading; it never falls, and its sequence is a new one."""
        self.sample()
        self._sequence += 1
        used = self.unit_milliseconds_since(self._began)
        return {
            "sequence": self._sequence,
            "unit_milliseconds": int(self._carried.get("unit_milliseconds", 0)) + used,
            "cpu_milliseconds": int(self._carried.get("cpu_milliseconds", 0))
            + self._cpu_milliseconds,
            "memory_peak_bytes": self._peak_bytes,
            "measured_at_ms": time.time_ns() // 1_000_000,
            "final": final,
        }

"""Shapes of jobs as real clusters have them: fitted figures, or rows of the traces themselves.

The figures were fitted to 99,617 GPU jobs of SenseTime Helios "Venus"
(S-Lab-System-Group/HeliosData, CC-BY-4.0), to 8,152 pods of Alibaba's cluster-trace-gpu-v2023, and
to the virtual clusters of Microsoft Philly (msr-fiddle/philly-traces, CC-BY-4.0). With
TRACES=folder, which holds
`jobs/helios_venus_2020_apr_aug.csv.gz` and `jobs/alibaba_v2023_pods.csv.gz`, shapes are drawn from
the rows there.
"""

import csv
import gzip
import math
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

GPUS_MAX: Final = 8
"""A task runs in one pool, a node: what the traces have on several nodes takes a whole one."""

GPUS: Final = {1: 0.5046, 2: 0.0539, 4: 0.0739, 7: 0.0018, 8: 0.3658}
QUANTILES: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
SECONDS: Final = (1, 16, 70, 205, 1_572, 20_105, 58_137, 172_800, 172_800)
CPU_MILLI: Final = (1_000, 3_152, 4_000, 11_300, 12_000, 16_400, 24_200, 32_000, 120_200)
MEMORY_MIB: Final = (512, 5_600, 15_258, 41_560, 49_152, 58_368, 64_512, 125_952, 737_280)
POPULAR: Final = ((1, 0.011), (10, 0.052), (100, 0.193), (1_000, 0.553), (10_000, 0.837))
"""Which share of the jobs has one of the so many most frequent shapes (GPUs and seconds)."""

CLUSTERS: Final = (0.512, 0.152, 0.138, 0.135, 0.016, 0.013, 0.012, 0.007, 0.007, 0.004, 0.003)
"""Shares of Philly's virtual clusters: a few ask for most."""

NODE_CPUS: Final = 128
NODE_MEMORY_BYTES: Final = 2**40


class Shape(NamedTuple):
    gpus: int
    cpus: int
    memory_bytes: int
    seconds: int


def shapes(count: int, random: Random) -> list[Shape]:
    """Return this many different shapes, the most frequent first."""
    folder = os.environ.get("TRACES")
    if folder:
        return _traced(Path(folder) / "jobs", count, random)
    found: dict[Shape, None] = {}
    while len(found) < count:
        size, pod = random.random(), random.random()
        gpus = random.choices(list(GPUS), weights=list(GPUS.values()))[0]
        cpu_milli, memory_mib = _at(CPU_MILLI, pod), _at(MEMORY_MIB, pod)
        found[_shape(gpus, cpu_milli, memory_mib, _at(SECONDS, size))] = None
    return list(found)


def popularity(count: int) -> list[float]:
    """Return the weight of each shape by its rank, as steps between the fitted shares."""
    weights: list[float] = []
    share_before = 0.0
    for upto, share in (*POPULAR, (max(count, POPULAR[-1][0] + 1), 1.0)):
        ranks = upto - len(weights)
        weights += [(share - share_before) / ranks] * ranks
        share_before = share
    return weights[:count]


def organisations(count: int) -> list[float]:
    """Return the weight of each organisation: several cities of Philly's shares."""
    return [CLUSTERS[number % len(CLUSTERS)] for number in range(count)]


def source() -> str:
    return "rows of the traces" if os.environ.get("TRACES") else "fitted figures"


def _traced(folder: Path, count: int, random: Random) -> list[Shape]:
    jobs = _rows(folder / "helios_venus_2020_apr_aug.csv.gz")
    pods = [row for row in _rows(folder / "alibaba_v2023_pods.csv.gz") if row["memory_mib"] != "0"]
    random.shuffle(jobs)
    frequency: dict[Shape, int] = {}
    for row in jobs:
        pod = random.choice(pods)
        shape = _shape(
            int(row["gpus"]), int(pod["cpu_milli"]), int(pod["memory_mib"]), int(row["duration_s"])
        )
        frequency[shape] = frequency.get(shape, 0) + 1
    return sorted(frequency, key=lambda shape: -frequency[shape])[:count]


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _shape(gpus: int, cpu_milli: float, memory_mib: float, seconds: float) -> Shape:
    gpus = min(gpus, GPUS_MAX)
    return Shape(
        gpus,
        max(1, min(NODE_CPUS, round(gpus * cpu_milli / 1_000))),
        min(NODE_MEMORY_BYTES, max(1, round(gpus * memory_mib)) * 2**20),
        max(1, round(seconds)),
    )


def _at(values: Sequence[float], quantile: float) -> float:
    """Return a value between the fitted quantiles, on a logarithmic scale."""
    for position, upto in enumerate(QUANTILES[1:]):
        if quantile <= upto:
            share = (quantile - QUANTILES[position]) / (upto - QUANTILES[position])
            low, high = math.log(values[position]), math.log(values[position + 1])
            return math.exp(low + share * (high - low))
    return values[-1]

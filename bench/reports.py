"""Reports: articles a minute and core, and memory over very many of them.

`python -m bench reports` takes 2,000 articles through the batch; ARTICLES=100000 as many as that.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil

from bench.articles import articles
from bench.common import Figure, Spread, report
from mains.daemon import reading_crew
from mains.daemon.reading_documents import Outcome
from mains.daemon.reading_sources import Source
from mains.reports.collecting import collect_rarely
from mains.reports.documents import open_document
from mains.reports.reader.reader import read

ARTICLES: Final = int(os.environ.get("ARTICLES", "2000"))
A_ROUND: Final = 140
ROUNDS: Final = 3
SAMPLES: Final = 50
NUMBER: Final = re.compile(r"\d[\d.,]*")
PROFILED: Final = 12


def main() -> None:
    speed()


def speed() -> None:
    """Measure one core, then the batch with all processors and its memory."""
    collect_rarely()  # As the processes of the batch do.
    _read_article(next(articles(1)))
    for content in articles(A_ROUND):  # Every language's pack and models are loaded now.
        _read_article(content)
    whole, opening, plain = (
        Spread(tuple(_per_minute(work, number) for number in range(ROUNDS)))
        for work in (_read_article, _open_article, _find_numbers)
    )
    dense = Spread(
        tuple(_per_minute(_read_article, number, dense=True) for number in range(ROUNDS))
    )
    bound = profile()
    rate, memory = batch()
    report(
        "reports-speed",
        [
            Figure("articles of 5 KB, one core", "a minute", whole, "1000", bound[0]),
            Figure("the same, four times the figures", "a minute", dense, "-", "binding them"),
            Figure("opened only", "a minute", opening, "-", "language detection"),
            Figure("numbers by a plain regex (peer)", "a minute", plain, "-", "the regex"),
            Figure("batch, all processors", "a minute", Spread((rate,)), "-", "the reading itself"),
            Figure("memory of the batch, last half", "MiB", memory, "flat", "packs and models"),
        ],
        articles=ARTICLES,
        ratio_to_plain_regex=round(whole.median / plain.median, 5),
        cpu_by_function=bound,
    )


def batch() -> tuple[float, Spread]:
    """Read ARTICLES by the batch; return articles a minute and MiB over the last half."""
    readings: list[float] = []
    every = max(1, ARTICLES // SAMPLES)
    started = time.perf_counter()
    for number, outcome in enumerate(_outcomes()):
        assert outcome.error is None, outcome.error
        if number % every == every - 1:
            readings.append(_mebibytes())
            print(f"  {number + 1} articles: {readings[-1]:.0f} MiB", flush=True)
    rate = ARTICLES / (time.perf_counter() - started) * 60
    return rate, Spread(tuple(readings[len(readings) // 2 :]))


def profile() -> list[str]:
    """Return the functions that take most of the processor's time, the first the most."""
    profiler = cProfile.Profile()
    profiler.enable()
    for content in articles(A_ROUND // 2):
        _read_article(content)
    profiler.disable()
    figures = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in figures.values())
    largest = sorted(figures.items(), key=lambda entry: -entry[1][2])[:PROFILED]
    return [
        f"{Path(place[0]).name}:{place[2]} {100 * entry[2] / total:.0f} %"
        for place, entry in largest
    ]


def _outcomes() -> Iterator[Outcome]:
    made = (
        Source(f"{number}.txt", f"{number}.txt", content=content)
        for number, content in enumerate(articles(ARTICLES))
    )
    return reading_crew.read_all(made, workers=reading_crew.processors())


def _mebibytes() -> float:
    """Return the resident memory of this process and of those that read for it."""
    held = 0
    for process in [psutil.Process(), *psutil.Process().children()]:
        try:
            held += process.memory_info().rss
        except psutil.Error:
            continue
    return held / 2**20


def _per_minute(work: Callable[[bytes], None], number: int, *, dense: bool = False) -> float:
    """Return how many articles a minute of processor time, each round with its own articles."""
    given = list(articles(A_ROUND, first=(number + 1) * A_ROUND, dense=dense))
    started = time.process_time()
    for content in given:
        work(content)
    return A_ROUND / (time.process_time() - started) * 60


def _read_article(content: bytes) -> None:
    read(open_document(content, name="article.txt"))


def _open_article(content: bytes) -> None:
    open_document(content, name="article.txt")


def _find_numbers(content: bytes) -> None:
    NUMBER.findall(content.decode())


if __name__ == "__main__":
    main()

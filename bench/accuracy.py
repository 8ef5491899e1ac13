"""How right the reader is, per language, beside what users would pick instead.

Texts stand in `tests/reports/texts`: `tuned` (the reader was built on them) and `held` (written and
annotated before the reader, never looked at while it was built). REPORTS=folder adds a folder of
`*.txt` with `gold.jsonl` and, if there is one, `reconcile.jsonl`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import scoring
from bench.common import RESULTS, setup
from bench.environments import PEERS, python_with
from bench.scoring import EdgeScore, Line, Score
from mains.daemon.reading_documents import line as claim_line
from mains.reports.documents import open_document
from mains.reports.reader.reader import read
from mains.reports.reconcile.edges import edges
from mains.reports.values import Claim

TEXTS: Final = Path("tests/reports/texts")
PEERS_SECONDS_MAX: Final = 600
SERIES: Final = re.compile(r"^(?:([a-z]{2}-\d)\d|.*)\.txt$")
PLAIN_NUMBER: Final = re.compile(r"\d[\d.,]*\d|\d")


@dataclass(frozen=True, slots=True)
class Collection:
    """Texts with gold: `name` says how they were used."""

    name: str
    texts: dict[str, str]
    gold: list[Line]
    wanted: list[Line]


def main() -> None:
    document: dict[str, Any] = {"benchmark": "accuracy", "setup": setup(), "collections": {}}
    for collection in collections():
        document["collections"][collection.name] = measure(collection)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "accuracy.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def collections() -> Iterator[Collection]:
    """Yield the repository's own texts, then the folder of REPORTS."""
    for folder in sorted(path for path in TEXTS.iterdir() if path.is_dir()):
        yield collect(folder.name, folder)
    if given := os.environ.get("REPORTS"):
        yield collect("REPORTS", Path(given))


def collect(name: str, folder: Path) -> Collection:
    """Return the texts of a folder with the gold that stands beside them."""
    return Collection(
        name=name,
        texts={path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.txt"))},
        gold=[line for path in sorted(folder.glob("gold*.jsonl")) for line in scoring.load(path)],
        wanted=[
            line for path in sorted(folder.glob("reconcile*.jsonl")) for line in scoring.load(path)
        ],
    )


def measure(collection: Collection) -> dict[str, Any]:
    """Read, score and print one collection; return what its results file keeps."""
    readings = [
        read(open_document(text.encode(), name=name)) for name, text in collection.texts.items()
    ]
    claims = [claim for reading in readings for claim in reading.claims]
    languages = {reading.doc: next(iter(reading.languages), "und") for reading in readings}
    lines = [claim_line(claim) for claim in claims]
    scores = per_language(collection.gold, lines, languages)
    show_accuracy(collection.name, scores)
    drawn = edge_scores(collection, claims, lines)
    show_edges(drawn)
    peers = compare(collection, lines, languages)
    show_peers(peers)
    if os.environ.get("MISSES"):
        print(*sorted(scores["all"].misses), sep="\n")
    return {
        "languages": {name: score.document() for name, score in scores.items()},
        "edges": {
            kind: {"gold": edge.gold, "drawn": edge.drawn, "both": edge.both}
            for kind, edge in drawn.items()
        },
        "peers": peers,
    }


def per_language(
    gold: Sequence[Line], claims: Sequence[Line], languages: dict[str, str]
) -> dict[str, Score]:
    """Return the scores of each language, and of `all`."""
    of_gold, of_claims = scoring.by_document(gold), scoring.by_document(claims)
    scores: defaultdict[str, Score] = defaultdict(Score)
    for doc, language in sorted(languages.items()):
        if doc not in of_gold:
            continue
        one = scoring.score(of_gold[doc], of_claims.get(doc, []))
        scores[language] += one
        scores["all"] += one
    return {name: scores[name] for name in [*sorted(set(scores) - {"all"}), "all"]}


def edge_scores(
    collection: Collection, claims: Sequence[Claim], lines: Sequence[Line]
) -> dict[str, EdgeScore]:
    """Score the edges that reconciling draws between the claims that were read.

    Gold relates the texts of one writing alone (a language, its first or its second series), whose
    invented figures know of each other; each such group is reconciled by itself. Series whose gold
    relates nothing are left out.
    """
    if not collection.wanted:
        return {}
    docs = {line["id"]: line["doc"] for line in collection.gold}
    related = {SERIES.sub(r"\1", docs[edge["a"]]) for edge in collection.wanted}
    groups: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if (series := SERIES.sub(r"\1", claim.doc)) in related:
            groups[series].append(claim)
    drawn = [asdict(edge) for group in groups.values() for edge in edges(group, {})]
    return scoring.score_edges(collection.gold, lines, drawn, collection.wanted)


def compare(
    collection: Collection, claims: Sequence[Line], languages: dict[str, str]
) -> dict[str, dict[str, float]]:
    """Return F1 of the bare values, per peer and language; units are left aside, for fairness.

    Dates are compared apart: figures whose unit is a date, and the reference periods too.
    """
    found: defaultdict[str, list[Line]] = defaultdict(list)
    found["mains"] = list(claims)
    found["plain regex"] = list(plain_numbers(collection.texts))
    for line in peers_found(collection.texts, languages):
        found[line["peer"]].append(line)
    numbers = [line for line in collection.gold if line["unit"] != "date"]
    neutral_dates = [
        {**line, "measure": "reference_period"}
        for line in collection.gold
        if line["unit"] == "date"
    ]
    gold = [*numbers, *neutral_dates]
    table: dict[str, dict[str, float]] = {}
    for peer, lines in sorted(found.items()):
        if peer == "dateparser":
            table["dates: dateparser"] = dates_found(collection.gold, lines, languages)
            table["dates: mains"] = dates_found(collection.gold, found["mains"], languages)
            continue
        table[peer] = {
            language: round(score.f1, 3)
            for language, score in values_per_language(gold, lines, languages).items()
            if score.found
        }
    return table


def values_per_language(
    gold: Sequence[Line], found: Sequence[Line], languages: dict[str, str]
) -> dict[str, Score]:
    """Return scores of values alone, as `per_language` does."""
    return per_language(
        [{**line, "unit": ""} for line in gold],
        [{**line, "unit": ""} for line in found],
        languages,
    )


def dates_found(
    gold: Sequence[Line], found: Sequence[Line], languages: dict[str, str]
) -> dict[str, float]:
    """Return the share of stated dates and periods that were found with an agreeing value."""
    of_found = scoring.by_document(found)
    asked: defaultdict[str, int] = defaultdict(int)
    right: defaultdict[str, int] = defaultdict(int)
    for line in gold:
        if line["unit"] != "date":
            continue
        language = languages.get(line["doc"], "und")
        hit = any(
            one["start"] < line["end"]
            and line["start"] < one["end"]
            and (one["value"] == line["value"] or one["value"].startswith(f"{line['value']}-"))
            for one in of_found.get(line["doc"], [])
        )
        for group in (language, "all"):
            asked[group] += 1
            right[group] += hit
    return {group: round(right[group] / asked[group], 3) for group in sorted(asked)}


def plain_numbers(texts: dict[str, str]) -> Iterator[Line]:
    """Yield what a plain regular expression takes for numbers, grouping and decimals guessed."""
    for doc, text in texts.items():
        for match in PLAIN_NUMBER.finditer(text):
            value = re.sub(r"[.,](?=\d{3}\b)", "", match[0]).replace(",", ".")
            yield {
                "doc": doc,
                "start": match.start(),
                "end": match.end(),
                "value": value,
                "quote": match[0],
                "status": "accepted",
                "unit": "",
            }


def peers_found(texts: dict[str, str], languages: dict[str, str]) -> Iterable[Line]:
    """Return what the peers find, from their own environment, made on the first run."""
    python = python_with("requirements.lock", place="peers")
    asked = "".join(
        json.dumps({"doc": doc, "language": languages[doc], "text": text}) + "\n"
        for doc, text in texts.items()
    )
    done = subprocess.run(
        [python, PEERS / "picked.py"],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=PEERS_SECONDS_MAX,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def show_accuracy(name: str, scores: dict[str, Score]) -> None:
    print(f"\n{name}")
    print(f"  {'':<5}{'figures':>8} {'value+unit P/R/F1':>22} {'tuples P/R':>14} {'queued':>7}")
    for language, score in scores.items():
        values = f"{score.precision:.3f} {score.recall:.3f} {score.f1:.3f}"
        tuples = f"{score.tuple_precision:.3f} {score.tuple_recall:.3f}"
        print(f"  {language:<5}{score.figures:>8} {values:>22} {tuples:>14} {score.queued:>7}")


def show_edges(edges: dict[str, EdgeScore]) -> None:
    for kind, edge in edges.items():
        print(f"  {kind:<18} gold {edge.gold:>3}  drawn {edge.drawn:>3}  both {edge.both:>3}")


def show_peers(peers: dict[str, dict[str, float]]) -> None:
    for peer, row in peers.items():
        cells = "  ".join(f"{language} {value:.3f}" for language, value in row.items())
        print(f"  {peer:<18} {cells}")


if __name__ == "__main__":
    main()

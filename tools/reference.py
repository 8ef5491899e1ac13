"""The pages of docs/reference, written from the code: commands, HTTP, errors, settings, speed."""

import html
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from mains.api.app import application
from mains.errors import MainsError
from mains.parties.rates.buckets import Rates
from mains.settings import Settings
from tools import sbom

FOLDER: Final = Path("docs/reference")
MEASURED: Final = Path("bench/results")
NOTE: Final = "<!-- Written by `make docs` from the code; changes here are lost. -->"

UNSETTABLE: Final = frozenset({"commons"})
SETTINGS: Final = {
    "home": "the private folder of keys, blobs and logs; by default the user's data folder, or "
    "`/var/lib/mains/home` for root",
    "database_url": "a Postgres to use instead of the embedded one, as the application's role",
    "database_owner_url": "the same database as the role that migrates",
    "blobs_url": "where bundles and artefacts are kept instead of the home, such as `s3://bucket`",
    "wal_archive": "a folder for the embedded database's log: with it and a [backup]"
    "(../operate.md#backup-and-recovery) any later moment can be restored; off without it",
    "model_url": "an OpenAI-compatible endpoint, such as `http://127.0.0.1:8080/v1`, whose model "
    "[proposes](../models-that-read.md) what reading could not bind; off without it",
    "model_name": "the model that the endpoint is asked for",
    "model_key": "the endpoint's key; better in a file",
    "model_key_file": "a file that holds the endpoint's key",
    "model_seconds_max": "how long one answer of the model may take",
    "listen_host": "the address that the API listens on",
    "listen_port": "its port; 0 takes a free one",
    "public_url": "the address that join tokens name, such as `https://city.example:8443`; without "
    "it, the one by which the operator came",
    "tls": "`auto` encrypts beyond loopback, `off` speaks plain HTTP behind a proxy that encrypts",
    "tls_certificate": "a certificate to serve with, its chain in PEM; without it mains makes one",
    "tls_key": "the key of that certificate, in PEM",
    "agent_lease_seconds": "how long an agent's last word counts",
    "agent_grace_seconds": "how long after its lease a site is waited for",
    "sync_wait_seconds": "how long a sync is held open when there is nothing to say",
    "quote_validity_seconds": "how long a quote binds",
    "queue_deadline_seconds": "how long a job may wait for a place",
    "reporting_grace_seconds": "how long after its wall limit a run may still report",
    "bundle_bytes_max": "the largest bundle of code",
    "blob_bytes_max": "the largest artefact",
    "organisation_bytes_max": "what one organisation may keep in all",
    "log_bytes_per_task_max": "how much of a task's log is kept",
    "rate_reading_per_second": "how often one key may read; 0 is without a bound",
    "rate_submitting_per_second": "how often one key may change things",
    "rate_public_per_second": "how often one address may call without a key",
    "rate_agent_per_second": "how often one site's agent may call",
    "rate_failed_per_minute": "how many keys that open nothing one address may send",
    "connections_max": "how many connections are open at once",
    "waiting_agents_max": "how many agents wait for orders at once; others are answered at once",
    "retention_days": "how long logs and artefacts are kept",
    "retention_quotes_days": "how long a quote that nobody used is kept after its end",
    "retention_tokens_days": "how long a join token is kept after its use or its end",
    "retention_keys_days": "how long a revoked or ended API key is kept",
    "retention_refusals_days": "how long refused meter readings are kept",
    "report_bytes_max": "the largest report that is taken in; reading has limits of its own",
    "reports_bytes_max": "what one organisation may file in all",
    "reading_workers_max": "how many processes read reports at a time",
    "reading_waiting_max": "how many reports may wait to be read",
    "reading_seconds_max": "how long one report may be read",
    "reading_idle_seconds": "how long a reading process waits for the next report",
}


ACCURACY: Final = "accuracy.json"
FAULTS: Final = "faults.json"
LANGUAGES: Final = ("all", "de", "en", "es", "fr", "it", "nl", "pt", "ru", "zh")


def pages() -> Mapping[Path, str]:
    """Return the text of every generated page by its path."""
    return {
        FOLDER / "cli.md": command_line(),
        FOLDER / "errors.md": errors(),
        FOLDER / "http.md": http(),
        FOLDER / "settings.md": settings(),
        FOLDER / "sbom.cdx.json": sbom.page(sbom.LOCK.read_text("utf-8")),
        FOLDER / "accuracy.md": accuracy(),
        FOLDER / "speed.md": speed(),
        FOLDER / "faults.md": faults(),
    }


def command_line() -> str:
    """Return the help of every command, as Typer writes it for documents."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "mains.cli.main", "utils", "docs", "--name", "mains"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    title, _, rest = html.unescape(made.stdout).partition("\n")
    kept = [line.rstrip() for line in rest.splitlines() if "-completion`:" not in line]
    return "\n".join([title.replace("`", ""), "", NOTE, *kept]).rstrip() + "\n"


def http() -> str:
    """Return the table of all routes with their summaries, from the OpenAPI document."""
    # Routes don't look at what is wired until a request comes.
    document = application(_unwired()).openapi()
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            row = f"| {method.upper()} | `{path}` | {_cell(_summary(route))} |"
            by_tag.setdefault(route.get("tags", ["server"])[-1], []).append(row)
    lines = [
        "# HTTP API",
        "",
        NOTE,
        "",
        "A running server describes every field at `/docs`, and for programs at `/openapi.json`.",
        "Send the key as `Authorization: Bearer KEY`. Requests about money need an",
        "`Idempotency-Key` (a UUID): sent again with the same body, they get the same answer.",
        "Errors are problem documents with [stable codes](errors.md).",
    ]
    for tag in sorted(by_tag):
        lines += ["", f"## {tag}", "", "| method | path | does |", "|---|---|---|", *by_tag[tag]]
    return "\n".join([*lines, ""])


def _summary(route: dict[str, Any]) -> str:
    """Return the first paragraph of a route's docstring, else the name of its function."""
    said = route.get("description") or route["summary"]
    return " ".join(str(said).split("\n\n", 1)[0].split())


def _unwired() -> Any:  # noqa: ANN401 (nobody calls it)
    """Return what an application is made over that nobody calls."""
    return SimpleNamespace(settings=Settings(home=Path(), commons=Path()), rates=Rates({}))


def settings() -> str:
    """Return the table of environment variables that a server reads when it starts."""
    rows = [
        f"| `MAINS_{name.upper()}` | {SETTINGS[name]} | {default} |"
        for name, default in _settings_defaults()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            NOTE,
            "",
            "A server reads these environment variables once, when it starts.",
            "",
            "| variable | meaning | default |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def speed() -> str:
    """Return the figures that `make bench` has kept, with set-up and spread."""
    lines = [
        "# Speed",
        "",
        NOTE,
        "",
        "What `make bench` measured last, on the machine and under the load named with each",
        "table; other machines give other figures. A peer is measured in the same run.",
    ]
    for path in sorted(MEASURED.glob("*.json")):
        if path.name in (ACCURACY, FAULTS):
            continue
        measured = json.loads(path.read_text(encoding="utf-8"))
        setup = measured["setup"]
        lines += [
            "",
            f"## {measured['benchmark']}",
            "",
            f"{setup['cpus']} CPUs ({setup['processor']}), {setup['memory_gib']} GiB, Python "
            f"{setup['python']}, load {setup['load_at_start']} at the start.",
            *(["", measured["note"]] if "note" in measured else []),
            "",
            "| figure | lowest | median | highest | unit | aim | bound by |",
            "|---|---|---|---|---|---|---|",
            *(_figure_row(figure) for figure in measured["figures"]),
        ]
        if "picture" in measured:
            lines += ["", f"![{measured['benchmark']}](../pictures/{measured['picture']})"]
    return "\n".join([*lines, ""])


def faults() -> str:
    """Return what `make test-faults` has kept: which shares of each campaign ran, and found."""
    measured = json.loads((MEASURED / FAULTS).read_text(encoding="utf-8"))
    lines = [
        "# Attacks",
        "",
        NOTE,
        "",
        "What `make test-faults` did last, share by share: [how mains is tested](../testing.md)",
        "says what each campaign attacks and who judges. A plus behind a commit: the tree had",
        "changes. A share that is not listed has not run.",
    ]
    for campaign, shares in measured["campaigns"].items():
        lines += [
            "",
            f"## {campaign}",
            "",
            "| share | did | seconds | broken | seed | commit |",
            "|---|---|---|---|---|---|",
            *(_share_row(share, kept) for share, kept in shares.items()),
        ]
    return "\n".join([*lines, ""])


def _share_row(share: str, kept: dict[str, Any]) -> str:
    did = ", ".join(f"{count:,} {what}" for what, count in kept["counts"].items())
    seen = [
        did,
        f"{kept['seconds']:.0f}",
        kept["broken"] or "nothing",
        kept["seed"],
        kept["commit"],
    ]
    return f"| {share} | {' | '.join(str(each) for each in seen)} |"


def accuracy() -> str:
    """Return how right the reader of reports is, as `make bench-reports` has measured it."""
    measured = json.loads((MEASURED / ACCURACY).read_text(encoding="utf-8"))
    lines = [
        "# Accuracy",
        "",
        NOTE,
        "",
        "How right the reader of reports is, as `make bench-reports` measured it last. A figure",
        "is found where span, value and unit agree with gold; a claim is right where subject,",
        "measure, bound, modality and period do too, and only accepted claims count. The reader",
        "was built on `tuned`; `fitted` taught only what is accepted; `held` was written and",
        "annotated before the reader took its form: it judges. One rule was found by it, that a",
        "contradiction needs both subjects named; before, 4 of 11 conflict edges of `held` were",
        "right. `REPORTS` is a folder that was given; where its texts taught weights too, it is no",
        "blind measure.",
    ]
    for name, collection in measured["collections"].items():
        lines += ["", f"## {name}", "", *_accuracy_tables(collection)]
    return "\n".join([*lines, ""])


def _accuracy_tables(collection: dict[str, Any]) -> Iterator[str]:
    heads = "language figures precision recall F1 accepted right queued".split()
    heads.insert(-1, "right of all")
    yield f"| {' | '.join(heads)} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for language, score in collection["languages"].items():
        values = " | ".join(
            f"{score[f'value_unit_{part}']:.3f}" for part in ("precision", "recall", "f1")
        )
        yield (
            f"| {language} | {score['figures']} | {values} | {score['accepted']} "
            f"| {score['tuple_precision']:.3f} | {score['tuple_recall']:.3f} | {score['queued']} |"
        )
    if collection["edges"]:
        yield from ("", "| edges | gold | drawn | both |", "|---|---|---|---|")
        for kind, edge in collection["edges"].items():
            yield f"| `{kind}` | {edge['gold']} | {edge['drawn']} | {edge['both']} |"
    yield from ("", "| F1 of bare values | " + " | ".join(LANGUAGES) + " |")
    yield "|---" * (len(LANGUAGES) + 1) + "|"
    for peer, row in collection["peers"].items():
        cells = (f"{row[code]:.3f}" if code in row else "" for code in LANGUAGES)
        yield f"| {peer} | {' | '.join(cells)} |"


def _figure_row(figure: dict[str, Any]) -> str:
    spread = " | ".join(_figure(figure[key]) for key in ("minimum", "median", "maximum"))
    texts = [_cell(str(figure[key])) for key in ("unit", "aim", "bound")]
    return f"| {_cell(figure['name'])} | {spread} | {' | '.join(texts)} |"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _settings_defaults() -> Iterator[tuple[str, str]]:
    for each in fields(Settings):
        if each.name not in UNSETTABLE:
            default = "" if each.default in (MISSING, None) else f"{each.default}"
            yield each.name, default


def errors() -> str:
    """Return the table of all error codes, with status, meaning and hint."""
    rows = [
        f"| `{kind.code}` | {kind.status} | {'&nbsp;&nbsp;' * depth}{kind.__name__} "
        f"| {_meaning(kind)} | {_cell(kind.hint_default)} |"
        for depth, kind in _tree(MainsError, 0)
    ]
    return "\n".join(
        [
            "# Errors",
            "",
            NOTE,
            "",
            "Every refusal of the API is a problem document (RFC 9457): `code` is stable and meant",
            "for programs, `detail` says what happened, `hint` says what to do next. The command",
            "line shows the same words, and `--json` the same document.",
            "",
            "| code | status | class | meaning | usual hint |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _tree(kind: type[MainsError], depth: int) -> Iterator[tuple[int, type[MainsError]]]:
    for child in kind.__subclasses__():
        if child.__module__ == MainsError.__module__:
            yield depth, child
            yield from _tree(child, depth + 1)


def _meaning(kind: type[MainsError]) -> str:
    own = kind.__dict__.get("__doc__") or ""
    return _cell(own.strip().split("\n", 1)[0])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

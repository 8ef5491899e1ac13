"""`make demo`: a job from price to receipt, then reports from text to programme, all as typed.

Everything that is shown is asserted too; the last line is one JSON object.
"""

import base64
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

from mains.daemon.demo_reports import reports
from mains.daemon.demo_shell import EXAMPLES, FOLDER, Shell, say
from mains.settings import Settings

ACCURACY_LEAST: Final = 0.9
WAIT_SECONDS_MAX: Final = 180
REFUSED_CODE: Final = 6
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def main() -> None:
    """Run every scene and print what came of them."""
    with installation() as shell:
        say("Two sites with different prices, a firm with 100 CNY and a voucher of 40 CNY.")
        shell.type("up", "--demo", "--detach")
        shell.type("balance")
        shell.type("site", "list")
        result = digits(shell)
        array(shell)
        refused = dear(shell)
        cancelled = long(shell)
        nowhere(shell)
        audit(shell)
        read = reports(shell)
        audit(shell)
        shell.type("down")
    print(
        "\n"
        + json.dumps(
            {
                "demo": "ok",
                "audit": "clean",
                **result,
                "refused": refused,
                "cancelled_charged": cancelled,
                "reports": read,
            }
        )
    )


def digits(shell: Shell) -> dict[str, Any]:
    """A real training: quoted, submitted, followed, receipted, its artefacts fetched by hash."""
    say("A real job: its price first.")
    quoted = shell.type("quote", str(EXAMPLES / "digits" / "job.yaml"))
    found = _UUID.search(quoted)
    assert found is not None, "a quote shows its id"
    shell.type("submit", found[0])
    job = shell.ask("job", "last")["id"]
    shell.type("logs", "-f", job)
    settled(shell, job)
    say("The receipt: metered, priced, paid by whom under which rule; it verifies offline.")
    shell.type("receipt", "show", job)
    receipt_file = FOLDER / "receipt.json"
    envelope = shell.ask("receipt", "show", job)
    receipt_file.write_text(json.dumps(envelope), "utf-8")
    shell.type("receipt", "verify", str(receipt_file))
    receipt = payload(envelope)
    check_shares(receipt)
    model = artefact(receipt, "model.joblib")
    shell.type("artefact", "get", job, model["sha256"], "--to", str(FOLDER / "fetched"))
    shell.type("artefact", "get", job, "metrics.json", "--to", str(FOLDER / "fetched"))
    metrics = next((FOLDER / "fetched").rglob("metrics.json"))
    accuracy = json.loads(metrics.read_text("utf-8"))["accuracy"]
    assert accuracy >= ACCURACY_LEAST, f"the model is right in {accuracy} of the cases only"
    return {
        "accuracy": accuracy,
        "quote": receipt["ceiling"],
        "charged": receipt["charged"],
        "paid_by": receipt["paid_by"],
        "metered": metered(receipt),
        "held": receipt["held"],
        "artefact": model["sha256"],
    }


def array(shell: Shell) -> None:
    say("An array of twenty tasks: one hold, spread over both sites.")
    shell.type("run", str(EXAMPLES / "array" / "job.yaml"), "--yes", "--no-follow")
    job = shell.ask("job", "last")["id"]
    settled(shell, job)
    shell.type("job", job)
    found = shell.ask("job", job)
    assert found["state"] == "succeeded", found
    assert set(found["sites"]) == {"north-campus", "harbour-hall"}, found["sites"]
    assert len(found["task_list"]) == len(found["artefacts"]) == 20, found


def dear(shell: Shell) -> str:
    say("A job that voucher and balance don't cover is refused, with the amounts.")
    before = shell.ask("balance")
    answer = shell.type("run", str(EXAMPLES / "dear" / "job.yaml"), "--yes", code=REFUSED_CODE)
    assert "insufficient_funds" in answer, answer
    assert shell.ask("balance") == before, "a refusal changes no balance"
    (line,) = (line for line in answer.splitlines() if "insufficient_funds" in line)
    return line.partition(": ")[2]


def long(shell: Shell) -> str:
    say("A job that is cancelled half-way is charged for what it used, and the rest is released.")
    shell.type("run", str(EXAMPLES / "long" / "job.yaml"), "--yes", "--no-follow")
    job = shell.ask("job", "last")["id"]
    wait(lambda: shell.ask("job", job)["state"] == "running", "the job runs")
    time.sleep(3)
    shell.type("cancel", job)
    settled(shell, job)
    shell.type("receipt", "show", job)
    receipt = payload(shell.ask("receipt", "show", job))
    assert receipt["state"] == "cancelled", receipt["state"]
    assert 0 < Decimal(receipt["charged"]) < Decimal(receipt["ceiling"]) / 10, receipt
    check_shares(receipt)
    return str(receipt["charged"])


def nowhere(shell: Shell) -> None:
    say("A job that fits nowhere: why, pool by pool.")
    job_file = FOLDER / "north-only.yaml"
    job_file.write_text(
        "name: north-only\nsites: [north-campus]\nresources: {memory: 128MiB}\n"
        "time_limit: 1m\nrun: 'true'\n",
        "utf-8",
    )
    quote = shell.ask("quote", str(job_file))["id"]
    shell.type("site", "drain", "north-campus", "--context", "administrator")
    shell.type("submit", quote)
    job = shell.ask("job", "last")["id"]
    shell.type("why", job)
    reasons = {reason["site"]: reason["code"] for reason in shell.ask("why", job)["pools"]}
    assert reasons == {"north-campus": "draining", "harbour-hall": "site_excluded"}, reasons
    shell.type("cancel", job)
    shell.type("site", "undrain", "north-campus", "--context", "administrator")


def audit(shell: Shell) -> None:
    say("The auditor finds every cent.")
    shell.type("audit", "--context", "administrator")
    assert shell.ask("audit", "--context", "administrator")["clean"] is True


def check_shares(receipt: dict[str, Any]) -> None:
    """The voucher pays half, rounded down; own money the rest; nothing is left over."""
    charged, paid = Decimal(receipt["charged"]), receipt["paid_by"]
    half = Decimal(int(charged * 1_000_000 / 2)) / 1_000_000
    assert Decimal(paid["voucher of dongguan-2025"]) == half, receipt
    assert sum(Decimal(share) for share in paid.values()) == charged, receipt
    assert charged <= Decimal(receipt["ceiling"]) <= Decimal(receipt["held"]), receipt
    for payer in receipt["payers"]:
        left = Decimal(payer["held"]) - Decimal(payer["paid"])
        assert Decimal(payer["released"]) == left, payer


def metered(receipt: dict[str, Any]) -> str:
    """Return the priced use of all attempts, as hours of what was sold."""
    used = sum(attempt["unit_milliseconds"] for attempt in receipt["attempts"])
    return f"{used / 3_600_000:.6f} {receipt['attempts'][0]['unit']} hours"


def artefact(receipt: dict[str, Any], path: str) -> dict[str, Any]:
    (found,) = (each for each in receipt["artefacts"] if each["path"] == path)
    return dict(found)


def payload(envelope: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(envelope["payload"])))


def settled(shell: Shell, job: str) -> None:
    wait(lambda: bool(shell.ask("job", job)["settled"]), "the job is settled")


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS_MAX} s: {what}"
        time.sleep(0.2)


@contextmanager
def installation() -> Iterator[Shell]:
    """Give a shell on a fresh installation of its own, and end what it started, whatever comes."""
    environment = {
        **os.environ,
        "MAINS_HOME": str(FOLDER.absolute() / "home"),
        "MAINS_CONFIG": str(FOLDER.absolute() / "config"),
    }
    for name in ("MAINS_CONTEXT", "MAINS_URL", "MAINS_KEY"):
        environment.pop(name, None)
    shell = Shell(environment)
    settings = Settings.from_environment(environment)
    _clear(shell, settings)
    FOLDER.mkdir(parents=True)
    try:
        yield shell
    finally:
        _clear(shell, settings, keep_logs=True)


def _clear(shell: Shell, settings: Settings, *, keep_logs: bool = False) -> None:
    """End an installation that still runs and remove it; its logs stay for whoever looks."""
    shell.ask("down")
    if settings.commons.is_relative_to(settings.home) or settings.commons.exists():
        shutil.rmtree(settings.commons, ignore_errors=True)
    if not keep_logs:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()

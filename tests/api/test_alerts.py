"""Alerts name metrics that exist, and each has a page that helps; nothing else has one."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main
import yaml

from mains.api.metrics import BACKUP_NOTE
from mains.cli.main import app as commands
from mains.wire.parties import Role
from tests.api.builders import Hall

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
INCIDENTS = ROOT / "docs" / "incidents"
HEADINGS = ["What it means for users", "How to see it", "What to do", "When it is over"]
OURS = re.compile(r"\bmains_[a-z_]+")
DURATION = re.compile(r"\d+[smhd]")
FUNCTIONS = {"abs", "absent", "delta", "predict_linear", "rate", "sum", "time"}
WORDS = {"and", "by", "or", "job", "mains", "status", "condition", "up"}


def alerts() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text("utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_has_the_shape_that_prometheus_reads(alert: dict[str, Any]) -> None:
    assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"[A-Z][A-Za-z]+", alert["alert"])
    assert DURATION.fullmatch(alert["for"])
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert set(alert["annotations"]) == {"summary", "runbook"}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_expression_is_balanced_and_calls_known_functions(alert: dict[str, Any]) -> None:
    plain = re.sub(r'"[^"]*"', "", alert["expr"])
    depth = 0
    for character in plain:
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    names = set(re.findall(r"[a-z_]{2,}", OURS.sub("", plain)))
    assert names <= FUNCTIONS | WORDS, names
    for called in re.findall(r"([a-z_]+)\(", plain):
        assert called in FUNCTIONS


async def test_every_metric_of_an_alert_is_exported(hall: Hall) -> None:
    firm = await hall.firm()
    await (await hall.site()).sync()
    await hall.client.get("/v1/jobs", headers=firm)
    (hall.wired.settings.home / BACKUP_NOTE).write_text("{}")
    auditor = await hall.town.key("authority", Role.AUDITOR)
    audited = await hall.client.get("/v1/audit", headers=auditor)
    assert audited.status_code == 200, audited.text
    text = (await hall.client.get("/metrics")).text
    samples = {line.partition("{")[0].split(" ")[0] for line in text.splitlines()}
    helped = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# HELP")}
    for alert in alerts():
        for name in OURS.findall(alert["expr"]):
            known = samples | helped
            assert name in known, name
    unset = {"mains_certificate_end_timestamp_seconds", "mains_dispatcher_seen_timestamp_seconds"}
    wanted = {name for alert in alerts() for name in OURS.findall(alert["expr"])}
    assert wanted - samples <= unset | {"mains_key_made_timestamp_seconds"}


async def test_metrics_are_for_this_machine_and_for_auditors(hall: Hall) -> None:
    await hall.firm()
    auditor = await hall.town.key("authority", Role.AUDITOR)
    member = await hall.town.key("firm", Role.MEMBER)
    transport = httpx.ASGITransport(hall.app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://hall.test") as far:
        refused = await far.get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")
        own = await hall.town.key("firm", Role.AUDITOR)
        for refused_key in (member, own):
            assert (await far.get("/metrics", headers=refused_key)).status_code == 403
        assert (await far.get("/metrics", headers=auditor)).status_code == 200


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    pages = {alert["annotations"]["runbook"] for alert in alerts()}
    assert len(pages) == len(alerts())
    there = {f"docs/incidents/{path.name}" for path in INCIDENTS.glob("*.md")}
    assert there - pages == {"docs/incidents/README.md"}
    assert pages <= there
    listed = (INCIDENTS / "README.md").read_text("utf-8")
    assert all(f"[{alert['alert']}]" in listed for alert in alerts())


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_a_page_says_what_when_and_how(alert: dict[str, Any]) -> None:
    text = (ROOT / alert["annotations"]["runbook"]).read_text("utf-8")
    assert text.startswith(f"# {alert['alert']}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert alert["expr"] in text
    known = set(typer.main.get_command(commands).commands)  # type: ignore[attr-defined]
    for said in re.findall(r"(?:^    |`)mains ([a-z]+)", text, re.MULTILINE):
        assert said in known, said

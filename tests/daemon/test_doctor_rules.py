"""What the doctor finds well, worth a look, or wrong, at each threshold."""

from datetime import UTC, datetime, timedelta

import pytest

from mains.daemon.doctor import rules
from mains.daemon.doctor.rules import Archiving, Finding, State

NEEDED = ("pepper", "secrets")
WELL = {"pepper": 0o600, "secrets": 0o600}
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (rules.home(0o700, ours=True), "ok"),
        (rules.home(0o750, ours=True), "fail"),
        (rules.home(0o700, ours=False), "fail"),
        (rules.keys(WELL, NEEDED, DAY), "ok"),
        (rules.keys(WELL, NEEDED, None), "ok"),
        (rules.keys(WELL, NEEDED, rules.KEY_WARN + DAY), "warn"),
        (rules.keys({"pepper": 0o600}, NEEDED, DAY), "fail"),
        (rules.keys({**WELL, "secrets": 0o640}, NEEDED, DAY), "fail"),
        (rules.disk({"a": rules.DISK_BYTES_WARN}), "ok"),
        (rules.disk({"a": rules.DISK_BYTES_WARN, "b": rules.DISK_BYTES_WARN - 1}), "warn"),
        (rules.disk({"a": rules.DISK_BYTES_FAIL - 1, "b": rules.DISK_BYTES_WARN}), "fail"),
        (rules.process(running=True, holder=1, postgres=2, stale=True), "ok"),
        (rules.process(running=False, holder=1, postgres=2, stale=False), "warn"),
        (rules.process(running=False, holder=None, postgres=2, stale=False), "warn"),
        (rules.process(running=False, holder=None, postgres=None, stale=True), "warn"),
        (rules.process(running=False, holder=None, postgres=None, stale=False), "warn"),
        (rules.leftovers([]), "ok"),
        (rules.leftovers(["data.restored"]), "warn"),
        (rules.clock(4.9, synchronised=True), "ok"),
        (rules.clock(None, synchronised=None), "ok"),
        (rules.clock(0.1, synchronised=False), "warn"),
        (rules.clock(-5.1, synchronised=True), "warn"),
        (rules.clock(-301, synchronised=True), "fail"),
        (rules.api(0.1), "ok"),
        (rules.api(1.1), "warn"),
        (rules.api(None), "fail"),
        (rules.dispatcher(1, fence=7), "ok"),
        (rules.dispatcher(2, fence=7), "warn"),
        (rules.dispatcher(0, fence=7), "fail"),
        (rules.queue(0, None), "ok"),
        (rules.queue(3, rules.QUEUE_WARN), "ok"),
        (rules.queue(3, rules.QUEUE_WARN + MINUTE), "warn"),
        (rules.agents([], sites=2), "ok"),
        (rules.agents([], sites=0), "ok"),
        (rules.agents(["north"], sites=2), "warn"),
        (rules.agents(["north", "south"], sites=2), "fail"),
        (rules.backup(None, whole=True), "warn"),
        (rules.backup(DAY, whole=True), "ok"),
        (rules.backup(DAY, whole=False), "warn"),
        (rules.backup(rules.BACKUP_WARN + MINUTE, whole=True), "warn"),
        (rules.backup(rules.BACKUP_FAIL + MINUTE, whole=True), "fail"),
        (rules.archive(False, None), "ok"),
        (rules.archive(True, None), "ok"),
        (rules.archive(True, Archiving(False, None, None)), "fail"),
        (rules.archive(True, Archiving(True, None, None)), "ok"),
        (rules.archive(True, Archiving(True, MINUTE, 2 * MINUTE)), "ok"),
        (rules.archive(True, Archiving(True, DAY, None)), "warn"),
        (rules.archive(True, Archiving(True, 2 * MINUTE, MINUTE)), "fail"),
        (rules.archive(True, Archiving(True, None, MINUTE)), "fail"),
        (rules.certificate(90 * DAY), "ok"),
        (rules.certificate(20 * DAY), "warn"),
        (rules.certificate(-MINUTE), "fail"),
        (rules.audit([]), "ok"),
        (rules.audit(["ledger.sums"]), "fail"),
        (rules.isolation("uid", ""), "ok"),
        (rules.isolation("bubblewrap", ""), "ok"),
        (rules.isolation("trusted", ""), "warn"),
        (rules.isolation("", "the folder is private"), "warn"),
        (rules.logs(rules.LOG_BYTES_WARN), "ok"),
        (rules.logs(rules.LOG_BYTES_WARN + 1), "warn"),
    ],
)
def test_a_finding_is_as_bad_as_it_should_be(finding: Finding, state: str) -> None:
    assert finding.state == state, finding
    assert bool(finding.next) == (finding.state is not State.OK), "what is not well says what to do"


def test_the_least_room_is_what_is_told() -> None:
    found = rules.disk({"the home": 5 * rules.GIB, "the archive": 2 * rules.GIB})
    assert found.said == "2.0 GiB free for the archive"


def test_an_age_is_told_in_its_largest_unit() -> None:
    spans = [DAY * 3, timedelta(hours=5), MINUTE * 7, timedelta(seconds=9)]
    assert [rules.hours(span) for span in spans] == ["3 d", "5 h", "7 min", "9 s"]
    now = datetime(2026, 12, 1, tzinfo=UTC)
    assert rules.age(now - DAY, now) == DAY
    assert rules.age(None, now) is None

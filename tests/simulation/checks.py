"""What must hold after every commit and at every start of a run, and what in the end."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from mains.jobs.rules import FINAL, JobState
from mains.wire.agent import StartOrder
from tests.simulation.control import FORGED
from tests.simulation.job_queries import covered
from tests.simulation.ledger_queries import draws_of
from tests.simulation.site import Machine
from tests.simulation.store import Commit, Row, Store
from tests.simulation.trace import Trace

OFFERED = ("offered_at", "lease_until")


class Checks:
    """Watches one simulation; `broken` is told in a sentence what does not hold."""

    def __init__(
        self,
        store: Store,
        trace: Trace,
        *,
        now: Callable[[], datetime],
        broken: Callable[..., None],
    ) -> None:
        self._store = store
        self._trace = trace
        self._now = now
        self._broken = broken
        self.machines: list[Machine] = []
        self.acknowledged: dict[UUID, None] = {}
        self.drained_at: dict[UUID, datetime] = {}
        self._started: set[tuple[UUID, str, int]] = set()

    # At every commit ------------------------------------------------------------------------

    def after_commit(self, commit: Commit) -> None:
        """Look at everything that one transaction has changed."""
        if FORGED.get():
            self._check_forged(commit)
        for site_id in commit.sites:
            self._note_drain(self._store.sites[site_id])
        for key, before in commit.attempts_before.items():
            self._check_attempt(self._store.attempts[key], before)
        for key, old in commit.readings_before.items():
            new = self._store.readings[key]
            if old is not None and new["unit_milliseconds"] < old["unit_milliseconds"]:
                self._broken("a meter fell", key)
        if commit.placed:
            self._check_pools()
        for job_id in commit.jobs:
            self._check_job(self._store.jobs[job_id])
            self._check_money(job_id)

    def _check_forged(self, commit: Commit) -> None:
        """What came under a stale fence is refused: it changes no attempt and moves no money."""
        if commit.ledger:
            self._broken("a reading under a fence that is not its attempt's was charged")
        for key, before in commit.attempts_before.items():
            changed = {**self._store.attempts[key], **dict.fromkeys(OFFERED)}
            if before is None or changed != {**before, **dict.fromkeys(OFFERED)}:
                self._broken("a report under a stale fence was believed", key)

    def _note_drain(self, site: Row) -> None:
        if site["state"] != "draining":
            self.drained_at.pop(site["id"], None)
        elif site["id"] not in self.drained_at:
            self.drained_at[site["id"]] = self._now()
            self._trace.note(f"{site['name']} is drained")

    def _check_attempt(self, row: Row, before: Row | None) -> None:
        key = row["id"]
        if before is None:
            site = self._store.sites[row["site_id"]]["name"]
            tasks = f"{row['first_task']}-{row['last_task']}"
            self._trace.note(f"placed at {site}, tasks {tasks}", row["job_id"], key)
            drained_at = self.drained_at.get(row["site_id"])
            if drained_at is not None and drained_at < row["assigned_at"]:
                self._broken("a drained site was given work", key)
            return
        if before["ended_at"] is not None:
            if before != row:
                self._broken("an attempt changed after its end", key)
            return
        if row["unit_milliseconds"] < before["unit_milliseconds"]:
            self._broken("an attempt's use fell", key)
        if row["state"] != before["state"]:
            self._trace.note(f"is {row['state']} {row['reason']}", row["job_id"], key)
        if row["ended_at"] is not None:
            self._check_end(row)

    def _check_pools(self) -> None:
        """No pool is given more than it has."""
        taken: Counter[UUID] = Counter()
        for row in self._store.attempts.values():
            if row["ended_at"] is None:
                taken[row["pool_id"]] += row["cpus"]
        for pool_id, cpus in taken.items():
            if cpus > self._store.pools[pool_id]["cpus"]:
                self._broken("a pool is given more than it has")

    def _check_end(self, row: Row) -> None:
        """A loss is the site's: it is absorbed; nothing is drawn any more, whatever the end."""
        draw = self._store.ledger.draws[row["id"]]
        if draw.state == "open":
            self._broken("an attempt ended and its draw is open", row["id"])
        if row["state"] == "lost" and draw.hold.open and draw.charged:
            self._broken("a lost attempt is charged", row["id"])

    def _check_job(self, job: Row) -> None:
        """Every task is in one place: waiting, in one live attempt, or ended and counted."""
        rows = [row for row in self._store.attempts.values() if row["job_id"] == job["id"]]
        going = [task for row in rows if row["ended_at"] is None for task in covered(row)]
        counted = job["tasks_succeeded"] + job["tasks_failed"] + job["tasks_cancelled"]
        ended = job["settled_at"] is not None
        if len(going) != len(set(going)) or set(going) & job["waiting"]:
            self._broken("a task is in two places at once", job["id"])
        if counted + len(going) + len(job["waiting"]) != job["tasks"] and not ended:
            self._broken("a task is lost, or counted twice", job["id"])
        if ended and (going or job["waiting"] or JobState(job["state"]) not in FINAL):
            self._broken("a job is settled and not done", job["id"])
        if ended == self._store.ledger.holds[job["id"]].open:
            self._broken("a hold is closed exactly when its job is settled", job["id"])

    def _check_money(self, job_id: UUID) -> None:
        """Captures stay within draws, draws within the hold, the hold within the quote."""
        hold = self._store.ledger.holds[job_id]
        quote = self._store.quotes[self._store.jobs[job_id]["quote_id"]]
        if hold.request.ceiling_micros != quote["ceiling"]:
            self._broken("a hold is not what was quoted", job_id)
        for payer in range(-1, len(hold.request.amounts)):
            if self._store.ledger.claimed(hold, payer) > hold.amount(payer):
                self._broken("draws exceed their hold", job_id)
        for draw in draws_of(self._store, job_id):
            ceilings = draw.request.ceilings
            over = [had for had, most in zip(draw.captured, ceilings, strict=True) if had > most]
            if over or draw.charged > draw.request.ceiling_micros:
                self._broken("captures exceed their draw", job_id)
            if draw.charged + draw.overrun != draw.metered + draw.late:
                self._broken("what was metered is neither charged nor overrun", job_id)

    # At every start -------------------------------------------------------------------------

    def started(self, machine: Machine, order: StartOrder) -> None:
        """A run begins on a machine: no other may do a task of it now."""
        key, job_id = order.attempt_id, order.job_id
        self._trace.note(f"starts on {machine.name}", job_id, key)
        once = (key, machine.name, machine.incarnation)
        if once in self._started:
            self._broken("an attempt started twice", key)
        self._started.add(once)
        tasks = frozenset(range(order.first_task, order.last_task + 1))
        for other in self.machines:
            for rival in other.orders.values():
                if rival.job_id != job_id or rival.attempt_id == key:
                    continue
                if tasks & other.unfinished(rival.attempt_id):
                    self._broken("a task runs twice at one time", job_id)

    # In the end -----------------------------------------------------------------------------

    def undone(self) -> Iterable[str]:
        """Return what keeps the simulation from being over."""
        for job in self._store.jobs.values():
            if job["ended_at"] is None:
                yield f"{self._trace.name(job['id'])} has not ended: it is {job['state']}"
        for machine in self.machines:
            for key in machine.engine._runs:
                yield f"{machine.name} still keeps {self._trace.name(key)}"

    def at_the_end(self) -> None:
        """Books sum up: nothing held, nothing drawn, every charge in one account."""
        model = self._store.ledger
        for job_id in self.acknowledged:
            if job_id not in self._store.jobs:
                self._broken("an acknowledged submission is lost", job_id)
        for key, hold in model.holds.items():
            if hold.open or key not in self._store.jobs:
                self._broken("a hold is open in the end", key)
        for key, draw in model.draws.items():
            if draw.state == "open":
                self._broken("a draw is open in the end", key)
        if any(account.pending for account in model.accounts.values()):
            self._broken("room is still held for nobody")
        charged = sum(draw.charged for draw in model.draws.values())
        debited = sum(
            account.debits for key, account in model.accounts.items() if key not in self._store.caps
        )
        if not charged == debited == model.paid:
            self._broken(f"the books don't sum up: {charged}, {debited}, {model.paid}")
        self._check_results()

    def _check_results(self) -> None:
        """Results are of one attempt each, and stand as the job counts them."""
        for job in self._store.jobs.values():
            rows = [row for row in self._store.results.values() if row["job_id"] == job["id"]]
            states = [state for row in rows for state in row["states"]]
            if states.count("succeeded") != job["tasks_succeeded"]:
                self._broken("a job counts other results than it has", job["id"])
            tasks = [task for row in rows for task in row["tasks"]]
            if len(set(tasks)) < len(tasks):
                self._broken("a task has ended twice", job["id"])

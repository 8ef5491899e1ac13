"""`mains jobs`, `job`, `why`, `logs` and `cancel`: jobs after they were submitted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer

from mains.cli import contexts
from mains.cli.output import Output, ago, moment, size
from mains.cli.session import Session, command, connect
from mains.errors import MainsError
from mains.ids import short

if TYPE_CHECKING:
    from mains.wire.jobs import JobDetail, JobView, TaskView

PAGE_MAX = 100
TASKS_SHOWN_MAX = 20
DETACHED_EXIT_CODE = 130


def complete_job(incomplete: str) -> list[tuple[str, str]]:
    """Offer the newest jobs to the shell, with their names and states; nothing on any error."""
    try:
        context = contexts.choose(None, contexts.load(contexts.configuration_folder()))
        with connect(context, key=contexts.require_key(context)) as client:
            page = client.jobs(limit=50)
    except MainsError:
        return []
    found = [(short(job.id), f"{job.name} {job.state}") for job in page.jobs]
    offered = [*found, ("last", "the newest job")]
    return [(reference, text) for reference, text in offered if reference.startswith(incomplete)]


JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="A job's id, its last 12 digits, or `last`.",
        autocompletion=complete_job,
    ),
]


@command
def jobs(
    session: Session,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Of all organisations, for whoever may see them.")
    ] = False,
) -> None:
    """List jobs, newest first."""
    found: list[JobView] = []
    before: UUID | None = None
    while len(found) < limit:
        wanted = min(PAGE_MAX, limit - len(found))
        page = session.client.jobs(state=state, everyone=everyone, limit=wanted, before=before)
        found += page.jobs
        before = page.next
        if before is None or not page.jobs:
            break
    session.out.document(found)
    if not found:
        session.out.line("No jobs yet." if state is None else f"No {state} jobs.")
        return
    session.out.table(
        ("job", "name", "state", "tasks", "charged", "at most", "site", "submitted"),
        [_row(session.out, job) for job in found],
        right=("tasks", "charged", "at most"),
    )


@command
def job(session: Session, reference: JobArgument) -> None:
    """Show one job: where it is, what it cost so far, its attempts, tasks and artefacts."""
    found = session.client.job(reference)
    session.out.document(found)
    show_job(session.out, found)


@command
def why(session: Session, reference: JobArgument) -> None:
    """Say why a job is where it is: the placement's own reasoning, pool by pool."""
    view = session.client.why(reference)
    session.out.document(view)
    session.out.line(f"{short(view.id)} is {view.state}: {view.because}")
    if view.pools:
        session.out.line()
        session.out.table(
            ("pool", "code", "because"),
            [(f"{pool.site}/{pool.pool}", pool.code, pool.because) for pool in view.pools],
        )


@command
def logs(
    session: Session,
    reference: JobArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the task has ended.")
    ] = False,
    task: Annotated[int, typer.Option(min=0, help="The task of an array.")] = 0,
    offset: Annotated[int, typer.Option(min=0, help="Skip this many bytes.")] = 0,
) -> None:
    """Show what a job wrote; a lost connection is picked up where it was."""
    client = session.client
    read = client.follow_log if follow else client.log
    if session.out.as_json:
        content = b"".join(read(reference, task=task, offset=offset))
        text = content.decode("utf-8", errors="replace")
        next_offset = offset + len(content)
        session.out.document(
            {"task": task, "offset": offset, "next_offset": next_offset, "text": text}
        )
        return
    try:
        for chunk in read(reference, task=task, offset=offset):
            write_log(chunk)
    except KeyboardInterrupt:
        detach(session.out, reference)


@command
def cancel(
    session: Session,
    reference: JobArgument,
    task: Annotated[
        list[int] | None, typer.Option(min=0, help="Only this task of an array; repeatable.")
    ] = None,
) -> None:
    """Cancel a job, or some of its tasks; it is charged for what it used until then."""
    view = session.client.cancel(reference, tasks=task or None)
    session.out.document(view)
    what = f"task {', '.join(str(number) for number in task)} of " if task else ""
    session.out.line(f"Cancelling {what}{view.name} ({short(view.id)}); it is {view.state}.")
    session.out.line(f"next: mains receipt {short(view.id)}")


def write_log(chunk: bytes, *, aside: bool = False) -> None:
    """Pass a job's own output on as it is, its colours and progress bars included."""
    stream = sys.stderr if aside else sys.stdout
    stream.flush()
    stream.buffer.write(chunk)
    stream.buffer.flush()


def detach(out: Output, reference: str) -> NoReturn:
    """Leave a job to itself and say how to come back; ends the command."""
    out.note("\nDetached; the job goes on.")
    out.note(f"  follow it again: mains logs -f {reference}")
    out.note(f"  cancel it:       mains cancel {reference}")
    raise typer.Exit(DETACHED_EXIT_CODE)


def show_job(out: Output, found: JobDetail) -> None:
    out.heading(f"{found.name} ({found.id})")
    out.pairs(
        [
            ("state", f"{found.state}{', settled' if found.settled else ''}"),
            *([("reason", found.reason)] if found.reason else []),
            ("organisation", found.organisation),
            ("tasks", f"{found.tasks_done} of {found.tasks} done"),
            ("charged", f"{out.amount(found.charged)} of at most {out.amount(found.ceiling)}"),
            ("submitted", moment(found.submitted_at)),
            ("started", moment(found.started_at)),
            ("ended", moment(found.ended_at)),
        ]
    )
    if found.attempts:
        out.line()
        out.heading("Attempts")
        columns = ("site", "pool", "state", "tasks", "used", "charged", "reason")
        rows = [
            (
                attempt.site,
                attempt.pool,
                attempt.state,
                f"{attempt.first_task}-{attempt.last_task}",
                used(attempt.unit_milliseconds),
                out.amount(attempt.charged),
                attempt.reason,
            )
            for attempt in found.attempts
        ]
        out.table(columns, rows, right=("used", "charged"))
    _show_tasks(out, found)
    if found.artefacts:
        out.line()
        out.heading("Artefacts")
        out.table(
            ("task", "path", "size", "hash"),
            [
                (str(each.task), each.path, size(each.size_bytes), each.sha256)
                for each in found.artefacts[:TASKS_SHOWN_MAX]
            ],
            right=("task", "size"),
        )


def used(milliseconds: int) -> str:
    """Return metered use to read, in unit-hours; a short one in unit-seconds."""
    if milliseconds < 360_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds / 3_600_000:.4f} h"


def _show_tasks(out: Output, found: JobDetail) -> None:
    """Show an array's tasks, those that went wrong first."""
    if found.tasks == 1:
        return
    unhappy = [task for task in found.task_list if task.state != "succeeded"]
    happy = [task for task in found.task_list if task.state == "succeeded"]
    shown = [*unhappy, *happy][:TASKS_SHOWN_MAX]
    out.line()
    out.heading(f"Tasks ({len(shown)} of {found.tasks})")
    rows = [_task_row(task) for task in shown]
    out.table(("task", "state", "exit", "site", "used", "reason"), rows, right=("task", "used"))


def _task_row(task: TaskView) -> tuple[str, ...]:
    exit_code = "-" if task.exit_code is None else str(task.exit_code)
    use = used(task.unit_milliseconds)
    return (str(task.task), task.state, exit_code, task.site or "-", use, task.reason)


def _row(out: Output, job: JobView) -> tuple[str, ...]:
    return (
        short(job.id),
        job.name,
        job.state,
        f"{job.tasks_done}/{job.tasks}",
        out.amount(job.charged),
        out.amount(job.ceiling),
        ", ".join(job.sites) or "-",
        ago(job.submitted_at) if out.for_person else moment(job.submitted_at),
    )

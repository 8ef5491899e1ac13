"""An agent's life against an office: runs, logs, outputs, meters, and bad days."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mains.agent import service
from mains.agent.config import AgentConfig
from mains.clock import SystemClock
from mains.engines.base import Observation, OutputFile
from mains.engines.fake import FakeEngine
from mains.errors import (
    AlreadyRunning,
    EngineRefused,
    EngineUnreachable,
    QuotaExceeded,
    StaleEpoch,
)
from mains.ids import new_id
from mains.wire.agent import PoolOrder, StartOrder, StopOrder
from tests.agent.builders import CLOCK, LEASE_SECONDS, Office, Site, a_joined_site, a_token
from tests.sites.builders import a_pool

pytestmark = pytest.mark.anyio


async def test_a_run_is_started_metered_and_forgotten(office: Office, site: Site) -> None:
    async with site.running():
        attempt = office.order(envs={"FAKE_UNIT_MILLISECONDS": "250"})
        [report] = await office.ended(attempt)
        await office.until(lambda: len(office.requests) > 2)

    assert report.state == "succeeded"
    assert [(task.task, task.exit_code) for task in report.tasks] == [(0, 0)]
    last = office.usage[attempt][-1]
    assert (last.final, last.unit_milliseconds) == (True, 250)
    assert await site.engine.observe() == []


async def test_logs_and_outputs_arrive_before_the_last_word(office: Office, site: Site) -> None:
    code = office.keep(b"the code")
    async with site.running():
        attempt = office.order(
            bundle=code,
            first_task=3,
            last_task=5,
            envs={"FAKE_LOG": "hello\n", "FAKE_OUTPUT": "weights"},
        )
        [report] = await office.ended(attempt)

    artefact = f"sha256:{hashlib.sha256(b'weights').hexdigest()}"
    assert [(each.task, each.path, each.sha256) for each in report.artefacts] == [
        (task, "output.txt", artefact) for task in (3, 4, 5)
    ]
    assert office.blobs[artefact] == b"weights"
    assert {task: bytes(office.logs[attempt, task]) for task in (3, 4, 5)} == dict.fromkeys(
        (3, 4, 5), b"hello\n"
    )
    assert office.events[-1] == ("final", attempt)
    assert "finishing" not in office.states[attempt] or office.states[attempt][-1] == "succeeded"


async def test_a_log_can_be_followed_while_the_run_goes_on(office: Office, site: Site) -> None:
    async with site.running():
        attempt = office.order(envs={"FAKE_LOG": "training\n", "FAKE_SECONDS": "60"})
        await office.until(lambda: (attempt, 0) in office.logs, seconds_max=5)

    assert bytes(office.logs[attempt, 0]) == b"training\n"
    assert not office.final(attempt)


async def test_a_running_attempt_is_metered_every_few_seconds(office: Office, site: Site) -> None:
    async with site.running():
        attempt = office.order(envs={"FAKE_SECONDS": "60"})
        await office.until(lambda: len(office.usage.get(attempt, ())) >= 2, seconds_max=10)

    sequences = [line.sequence for line in office.usage[attempt]]
    assert sequences == sorted(set(sequences))
    assert not any(line.final for line in office.usage[attempt])


async def test_a_new_order_ends_a_long_poll_at_once(office: Office, site: Site) -> None:
    async with site.running():
        await office.until(lambda: any(each.wait_seconds > 0 for each in office.requests))
        begun = time.monotonic()
        attempt = office.order()
        await office.ended(attempt)

    assert time.monotonic() - begun < 1.0


async def test_an_unanswered_sync_starts_nothing_twice(office: Office, tmp_path: Path) -> None:
    engine = Counting(SystemClock())
    site = await a_joined_site(office, tmp_path, engine=engine)
    async with site.running():
        office.faults.lost_answers = 3
        attempts = [office.order(envs={"FAKE_SECONDS": "0.2"}) for _ in range(5)]
        await office.ended(*attempts)

    assert engine.started == attempts


async def test_a_stopped_run_ends_as_cancelled(office: Office, site: Site) -> None:
    async with site.running():
        attempt = office.order(envs={"FAKE_SECONDS": "60"})
        await office.until(lambda: "running" in office.states.get(attempt, ()))
        office.stop(attempt)
        [report] = await office.ended(attempt)

    assert report.state == "cancelled"
    assert office.usage[attempt][-1].final


async def test_single_tasks_are_stopped_and_the_others_go_on(office: Office, site: Site) -> None:
    async with site.running():
        attempt = office.order(last_task=2, envs={"FAKE_SECONDS": "0.4"})
        await office.until(lambda: "running" in office.states.get(attempt, ()))
        office.stop(attempt, tasks=[1])
        [report] = await office.ended(attempt)

    assert [str(task.state) for task in report.tasks] == ["succeeded", "cancelled", "succeeded"]


async def test_a_run_stopped_before_its_code_came_never_starts(
    office: Office, tmp_path: Path
) -> None:
    engine = Counting(SystemClock())
    site = await a_joined_site(office, tmp_path, engine=engine)
    office.faults.blob_failures = 100
    async with site.running():
        attempt = office.order(bundle=office.keep(b"code"))
        await office.until(lambda: office.faults.blob_failures < 100)
        office.stop(attempt)
        [report] = await office.ended(attempt)

    assert (str(report.state), engine.started) == ("cancelled", [])
    assert [(line.unit_milliseconds, line.final) for line in office.usage[attempt]] == [(0, True)]


async def test_a_stop_for_an_attempt_that_never_came_is_answered(
    office: Office, site: Site
) -> None:
    async with site.running():
        cancelled, lost = new_id(), new_id()
        office.stop(cancelled)
        office.stop(lost, reason="lost")
        reports = await office.ended(cancelled, lost)

    assert [str(report.state) for report in reports] == ["cancelled", "lost"]


async def test_code_that_comes_late_is_waited_for(office: Office, site: Site) -> None:
    office.faults.blob_failures = 2
    async with site.running():
        attempt = office.order(bundle=office.keep(b"code"))
        [report] = await office.ended(attempt)

    assert report.state == "succeeded"


async def test_an_engine_that_refuses_ends_the_attempt_with_its_reason(
    office: Office, tmp_path: Path
) -> None:
    site = await a_joined_site(office, tmp_path, engine=Refusing(SystemClock()))
    async with site.running():
        attempt = office.order(last_task=1)
        [report] = await office.ended(attempt)

    assert report.state == "failed"
    assert "no room for it" in report.reason
    assert [task.task for task in report.tasks] == [0, 1]


@pytest.mark.parametrize("effect", ["before", "after"])
async def test_a_start_that_the_engine_did_not_answer_is_resolved_by_asking_it(
    office: Office, tmp_path: Path, effect: str
) -> None:
    engine = Silent(SystemClock(), effect=effect)
    site = await a_joined_site(office, tmp_path, engine=engine)
    async with site.running():
        attempt = office.order(envs={"FAKE_SECONDS": "0.1"})
        [report] = await office.ended(attempt)

    assert (str(report.state), engine.started) == ("succeeded", [attempt])


async def test_runs_go_on_while_the_server_is_away_and_are_told_when_it_is_back(
    office: Office, site: Site
) -> None:
    async with site.running():
        attempt = office.order(envs={"FAKE_SECONDS": "0.3", "FAKE_LOG": "x", "FAKE_OUTPUT": "y"})
        await office.until(lambda: "running" in office.states.get(attempt, ()))
        office.faults.away = True
        await asyncio.sleep(0.6)
        assert not office.final(attempt)
        office.faults.away = False
        [report] = await office.ended(attempt)

    assert report.state == "succeeded"
    assert bytes(office.logs[attempt, 0]) == b"x"
    assert len(report.artefacts) == 1


async def test_leased_runs_live_while_the_server_answers_and_end_when_it_does_not(
    office: Office, tmp_path: Path
) -> None:
    site = await a_joined_site(office, tmp_path, engine=FakeEngine(CLOCK, lease_seconds=1))
    async with site.running():
        kept = office.order(leased=True, envs={"FAKE_SECONDS": "1.5"})
        leased = office.order(leased=True, envs={"FAKE_SECONDS": "60"})
        free = office.order(envs={"FAKE_SECONDS": "4"})
        [report] = await office.ended(kept)
        office.faults.away = True
        await asyncio.sleep(LEASE_SECONDS - 0.5)
        office.faults.away = False
        ended = await office.ended(leased, free)

    assert report.state == "succeeded"
    assert [str(each.state) for each in ended] == ["lost", "succeeded"]


async def test_a_new_agent_goes_on_where_a_killed_one_was(office: Office, tmp_path: Path) -> None:
    engine = Counting(CLOCK, lease_seconds=2)
    site = await a_joined_site(office, tmp_path, engine=engine)
    async with site.running():
        attempt = office.order(
            leased=True,
            first_task=4,
            last_task=6,
            envs={"FAKE_SECONDS": "1", "FAKE_LOG": "line\n"},
        )
        await office.until(lambda: (attempt, 4) in office.logs)
    async with site.running():
        [report] = await office.ended(attempt)

    assert (str(report.state), engine.started) == ("succeeded", [attempt])
    assert [bytes(office.logs[attempt, task]) for task in (4, 5, 6)] == [b"line\n"] * 3
    assert {each.epoch for each in office.requests} == {1, 2}


async def test_an_ended_run_is_told_by_the_next_agent_and_started_again_by_none(
    office: Office, tmp_path: Path
) -> None:
    engine = Counting(CLOCK)
    site = await a_joined_site(office, tmp_path, engine=engine)
    office.forgets = False
    for _ in range(2):
        async with site.running():
            attempt = office.order() if not office.starts else next(iter(office.starts))
            seen = len(office.requests)
            await office.ended(attempt)
            await office.until(lambda seen=seen: len(office.requests) > seen + 1)  # type: ignore[misc]

    assert engine.started == [attempt]


async def test_what_the_engine_has_lost_is_missing_from_a_complete_list(
    office: Office, tmp_path: Path
) -> None:
    engine = Forgetful(CLOCK)
    site = await a_joined_site(office, tmp_path, engine=engine)
    async with site.running():
        attempt = office.order(envs={"FAKE_SECONDS": "60"})
        await office.until(lambda: "running" in office.states.get(attempt, ()))
        engine.hidden.add(attempt)
        seen = len(office.requests)
        await office.until(
            lambda: any(
                each.complete and attempt not in {report.attempt_id for report in each.attempts}
                for each in office.requests[seen:]
            )
        )


async def test_a_silent_engine_makes_no_list_complete(office: Office, tmp_path: Path) -> None:
    engine = Forgetful(CLOCK)
    site = await a_joined_site(office, tmp_path, engine=engine)
    async with site.running():
        attempt = office.order(envs={"FAKE_SECONDS": "0.5"})
        await office.until(lambda: "running" in office.states.get(attempt, ()))
        engine.silent = True
        seen = len(office.requests)
        await office.until(lambda: len(office.requests) > seen + 1)
        assert not any(each.complete for each in office.requests[seen + 1 :])
        engine.silent = False
        [report] = await office.ended(attempt)

    assert report.state == "succeeded"


async def test_what_the_engine_fails_to_do_is_asked_for_again(
    office: Office, tmp_path: Path
) -> None:
    engine = Stubborn(CLOCK)
    site = await a_joined_site(office, tmp_path, engine=engine)
    async with site.running():
        attempt = office.order(leased=True, envs={"FAKE_SECONDS": "60"})
        await office.until(lambda: "running" in office.states.get(attempt, ()))
        office.stop(attempt)
        [report] = await office.ended(attempt)
        async with asyncio.timeout(10):
            while await engine.observe():
                office.changed.clear()
                await office.changed.wait()

    assert report.state == "cancelled"
    assert engine.failures == {"stop": 1, "renew": 1, "forget": 1, "outputs": 1, "log": 1}


async def test_ended_tasks_are_told_while_the_others_go_on(office: Office, site: Site) -> None:
    async with site.running():
        attempt = office.order(last_task=40, envs={"FAKE_SECONDS": "0.05"})
        await office.until(
            lambda: attempt in office.reports and 0 < len(office.reports[attempt].tasks) < 41
        )
        seen = len(office.requests)
        [report] = await office.ended(attempt)

    assert [task.task for task in report.tasks] == list(range(41))
    assert len(office.requests) - seen < 20


async def test_outputs_that_are_refused_are_named_and_the_rest_goes_on(
    office: Office, site: Site
) -> None:
    office.faults.uploads_refused = True
    async with site.running():
        attempt = office.order(envs={"FAKE_OUTPUT": "big"})
        [report] = await office.ended(attempt)

    assert (str(report.state), report.artefacts) == ("succeeded", [])
    assert "output.txt was not accepted: there is no room" in report.reason


async def test_a_log_that_is_refused_keeps_no_other_log_back(office: Office, site: Site) -> None:
    async with site.running():
        unwanted = office.order(envs={"FAKE_LOG": "unwanted", "FAKE_SECONDS": "0.5"})
        office.faults.logs_refused.add(unwanted)
        other = office.order(envs={"FAKE_LOG": "wanted", "FAKE_SECONDS": "0.5"})
        refused, _ = await office.ended(unwanted, other)

    assert "log was not accepted" in refused.reason
    assert bytes(office.logs[other, 0]) == b"wanted"


async def test_a_log_beyond_the_servers_bound_is_left(office: Office, site: Site) -> None:
    office.faults.log_bytes_max = 10
    async with site.running():
        attempt = office.order(last_task=1, envs={"FAKE_LOG": "x" * 600_000})
        await office.ended(attempt)

    assert [len(office.logs[attempt, task]) for task in (0, 1)] == [10, 10]


async def test_a_long_log_arrives_whole(office: Office, site: Site) -> None:
    text = "".join(f"{number}\n" for number in range(400_000))
    async with site.running():
        attempt = office.order(log_bytes_max=2**24, envs={"FAKE_LOG": text})
        await office.ended(attempt)

    assert bytes(office.logs[attempt, 0]) == text.encode()


async def test_pools_are_reported_and_changed_while_it_runs(office: Office, site: Site) -> None:
    async with site.running():
        await office.until(lambda: any(each.pools for each in office.requests))
        [report] = next(each.pools for each in office.requests if each.pools)
        changed = PoolOrder.model_validate(
            {
                "pool_id": report.pool_id,
                "name": "cpu",
                "unit": "cpu",
                "units": 2,
                "cpus": 2,
                "memory_bytes": 2**30,
                "host_share_percent": 40,
            }
        )
        too_much = changed.model_copy(update={"units": 3, "host_share_percent": 100})
        site.registry.claim_shares(site.config.folder.parent, {"other": 50})
        office.pools = [too_much]
        office.offers.set()
        attempt = office.order()
        await office.ended(attempt)
        office.pools = [changed]
        await office.ended(office.order())
        await office.until(
            lambda: any(pool.units == 2 for e in office.requests for pool in e.pools)
        )

    assert not any(pool.units == 3 for each in office.requests for pool in each.pools)


async def test_a_newer_agent_of_the_site_ends_the_older_one(
    office: Office, site: Site, tmp_path: Path
) -> None:
    twin = AgentConfig.load(site.config.folder).model_copy(update={"folder": tmp_path / "twin"})
    twin.folder.mkdir()
    twin.key_path.write_bytes(site.config.key_path.read_bytes())
    twin.key_path.chmod(0o600)
    other = Site(office, twin, FakeEngine(CLOCK), site.registry, site.transport)
    async with site.running() as older:
        await office.until(lambda: bool(office.requests))
        site.registry.release(site.config.folder)
        async with other.running():
            with pytest.raises(StaleEpoch):
                async with asyncio.timeout(15):
                    await older


async def test_two_agents_cannot_share_a_folder(office: Office, site: Site) -> None:
    async with site.running():
        await office.until(lambda: bool(office.requests))
        async with site.running() as second:
            with pytest.raises(AlreadyRunning):
                await second


async def test_an_agent_that_would_take_more_than_the_host_has_says_so(
    office: Office, tmp_path: Path
) -> None:
    site = await a_joined_site(office, tmp_path, pools=[a_pool(host_share_percent=60)])
    (tmp_path / "neighbour").mkdir()
    site.registry.claim_shares(tmp_path / "neighbour", {"cpu": 50})

    async with site.running() as agent:
        with pytest.raises(QuotaExceeded, match=r"60 %.*50 %"):
            await agent


async def test_an_agent_stops_when_it_is_told_to(office: Office, site: Site) -> None:
    stop = asyncio.Event()
    agent = asyncio.ensure_future(
        service.run(
            site.config,
            engine=site.engine,
            clock=CLOCK,
            stop=stop,
            registry=site.registry,
            transport=site.transport,
        )
    )
    await office.until(lambda: bool(office.requests))
    stop.set()

    async with asyncio.timeout(5):
        await agent


async def test_joining_writes_a_private_key_and_a_configuration_that_loads(
    office: Office, site: Site, tmp_path: Path
) -> None:
    folder = site.config.folder

    assert AgentConfig.load(folder) == site.config
    assert (folder / "agent.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o711


async def test_a_shorter_lease_of_the_server_is_kept_for_the_next_start(
    office: Office, site: Site
) -> None:
    assert site.config.lease_seconds > LEASE_SECONDS
    async with site.running():
        await office.until(lambda: bool(office.requests))

    assert AgentConfig.load(site.config.folder).lease_seconds == LEASE_SECONDS


async def test_two_agents_with_one_token_one_joins(office: Office, tmp_path: Path) -> None:
    token = await a_token(office)
    site = await a_joined_site(office, tmp_path)

    async def join(name: str) -> AgentConfig:
        return await service.join(
            token,
            folder=tmp_path / name,
            clock=CLOCK,
            engine="fake",
            registry=site.registry,
            transport=site.transport,
        )

    answers = await asyncio.gather(join("one"), join("two"), return_exceptions=True)
    winner = next(answer for answer in answers if isinstance(answer, AgentConfig))

    assert sorted(type(answer).__name__ for answer in answers) == ["AgentConfig", "TokenInvalid"]
    assert await join(winner.folder.name) == winner


async def test_thousands_of_small_runs_pass_without_a_request_each(
    office: Office, tmp_path: Path
) -> None:
    engine = Counting(CLOCK)
    site = await a_joined_site(office, tmp_path, engine=engine)
    attempts = [office.order() for _ in range(1_500)]
    begun = time.monotonic()
    async with site.running():
        await office.ended(*attempts, seconds_max=60)

    print(f"{len(attempts) / (time.monotonic() - begun):,.0f} attempts/s")
    assert engine.started == attempts
    assert len(office.requests) < 60


class Counting(FakeEngine):
    """Writes down every start that takes effect."""

    def __init__(self, clock: SystemClock, **options: Any) -> None:
        super().__init__(clock, **options)
        self.started: list[UUID] = []

    async def start(self, order: StartOrder, *, bundle: Path | None = None) -> None:
        known = {each.report.attempt_id for each in await self.observe()}
        await super().start(order, bundle=bundle)
        if order.attempt_id not in known:
            self.started.append(order.attempt_id)


class Silent(Counting):
    """Does not answer the first start, which takes effect or not."""

    def __init__(self, clock: SystemClock, *, effect: str) -> None:
        super().__init__(clock)
        self.effect: str | None = effect

    async def start(self, order: StartOrder, *, bundle: Path | None = None) -> None:
        effect, self.effect = self.effect, None
        if effect != "before":
            await super().start(order, bundle=bundle)
        if effect is not None:
            raise EngineUnreachable("no answer")


class Refusing(FakeEngine):
    async def start(self, order: StartOrder, *, bundle: Path | None = None) -> None:
        raise EngineRefused("no room for it")


class Forgetful(FakeEngine):
    """Loses runs, or does not answer."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock)
        self.hidden: set[UUID] = set()
        self.silent = False

    async def observe(self) -> Sequence[Observation]:
        if self.silent:
            raise EngineUnreachable("no answer")
        return [
            each for each in await super().observe() if each.report.attempt_id not in self.hidden
        ]


class Stubborn(FakeEngine):
    """Does not answer the first time, whatever it is asked for."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock)
        self.failures: dict[str, int] = {}

    def fail_once(self, what: str) -> None:
        if what not in self.failures:
            self.failures[what] = 1
            raise EngineUnreachable(f"no answer to {what}")

    async def stop(self, order: StopOrder) -> None:
        self.fail_once("stop")
        await super().stop(order)

    async def renew(self, attempt_id: UUID, *, seconds: int) -> None:
        self.fail_once("renew")
        await super().renew(attempt_id, seconds=seconds)

    async def forget(self, attempt_id: UUID) -> None:
        self.fail_once("forget")
        await super().forget(attempt_id)

    async def outputs(self, attempt_id: UUID) -> Sequence[OutputFile]:
        self.fail_once("outputs")
        return await super().outputs(attempt_id)

    async def log(self, attempt_id: UUID, *, task: int, offset: int, bytes_max: int) -> bytes:
        self.fail_once("log")
        return await super().log(attempt_id, task=task, offset=offset, bytes_max=bytes_max)

"""The server's own keys are exchanged, and a rotation may end between any two of its steps."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from mains.clock import ManualClock
from mains.daemon import rotation
from mains.daemon.rotation import SETTLED_AFTER, Place
from mains.db import Database, embedded
from mains.db.cluster import Layout
from mains.errors import AlreadyRunning, KeyInvalid, SetupMissing, StoreCorrupt
from mains.ids import new_id
from mains.jobs.secrets import SealingKey, SecretBox, secrets_files
from mains.parties import service, versions
from mains.parties.keyfiles import Peppers, Signers, pepper_files
from mains.parties.rules import Caller, KeyText
from mains.parties.versions import KeyVersion, Kind
from mains.settings import Settings
from mains.wire import dsse
from mains.wire.succession import PublishedKey, PublishedKeys, trusted

pytestmark = pytest.mark.anyio

MONTH = timedelta(days=30)


@dataclass
class Keeper:
    """A place whose keys are exchanged, and one API key that has to go on working."""

    place: Place
    clock: ManualClock
    key: KeyText

    @property
    def keys(self) -> Path:
        return self.place.settings.keys

    async def enters(self) -> Caller:
        async with self.place.database.transaction() as tx:
            pepper = Peppers.from_files(self.keys)
            return await service.authenticate(tx, self.key, pepper=pepper, now=self.clock.now())

    async def known(self, kind: Kind) -> list[KeyVersion]:
        async with self.place.database.transaction() as tx:
            return [key for key in await versions.versions(tx) if key.kind == kind]

    async def published(self) -> PublishedKeys:
        return PublishedKeys(
            keys=[
                PublishedKey(
                    key_id=str(key.public_key),
                    public_key=str(key.public_key),
                    version=key.version,
                    made_at=key.made_at,
                    in_use=False,
                    succession=key.succession.decode() if key.succession else None,
                )
                for key in await self.known("signing")
            ]
        )


@pytest.fixture
async def keeper(database: Database, clock: ManualClock, tmp_path: Path) -> Keeper:
    settings = Settings(home=tmp_path, commons=tmp_path)
    SecretBox.from_files(settings.keys)
    async with database.transaction() as tx:
        pepper = Peppers.from_files(settings.keys)
        text = await service.bootstrap(tx, pepper=pepper, now=clock.now())
        await rotation.note(tx, settings, now=clock.now())
    assert text is not None
    key, _ = service.parse_key(text, pepper=pepper)
    return Keeper(Place(settings, database, clock), clock, key)


async def all_of(steps: AsyncIterator[str]) -> list[str]:
    return [step async for step in steps]


async def first_of(steps: AsyncIterator[str], count: int) -> None:
    """Take the first steps and go away without a word, as a killed process does."""
    for _ in range(count):
        await anext(steps)


async def test_a_key_is_brought_under_the_new_pepper_by_being_used(keeper: Keeper) -> None:
    await all_of(rotation.rotate_pepper(keeper.place, within=MONTH))
    async with keeper.place.database.transaction() as tx:
        assert await versions.keys_under_peppers(tx, now=keeper.clock.now()) == {1: 1}
    before = await keeper.enters()
    async with keeper.place.database.transaction() as tx:
        assert await versions.keys_under_peppers(tx, now=keeper.clock.now()) == {2: 1}
    keeper.clock.advance(SETTLED_AFTER)
    assert (await rotation.tend(keeper.place)).destroyed == ("pepper 1",)
    assert pepper_files(keeper.keys).versions() == [2]
    assert await keeper.enters() == before
    assert [key.destroyed_at is None for key in await keeper.known("pepper")] == [False, True]


async def test_a_key_that_nobody_used_ends_with_its_pepper_and_not_before(keeper: Keeper) -> None:
    await all_of(rotation.rotate_pepper(keeper.place, within=MONTH))
    keeper.clock.advance(MONTH - timedelta(seconds=1))
    tended = await rotation.tend(keeper.place)
    assert (tended.revoked, tended.destroyed) == (0, ())
    keeper.clock.advance(timedelta(seconds=1))
    tended = await rotation.tend(keeper.place)
    assert (tended.revoked, tended.destroyed) == (1, ("pepper 1",))
    with pytest.raises(KeyInvalid):
        await keeper.enters()


async def test_a_wrong_secret_stays_wrong_under_any_pepper(keeper: Keeper) -> None:
    await all_of(rotation.rotate_pepper(keeper.place, within=MONTH))
    genuine, keeper.key = keeper.key, replace(keeper.key, text=keeper.key.text[::-1])
    with pytest.raises(KeyInvalid):
        await keeper.enters()
    keeper.key = genuine
    await keeper.enters()


async def test_what_was_signed_before_is_checked_by_keys_that_vouch_for_each_other(
    keeper: Keeper,
) -> None:
    signed = []
    for _ in range(3):
        _, key = Signers.from_files(keeper.keys).newest
        signed.append((key.public_key_hex, dsse.sign(b"{}", key=key)))
        await all_of(rotation.rotate_signing(keeper.place))
    published = await keeper.published()
    for pinned, _ in signed:
        keys = trusted([pinned], published)
        assert len(keys) == 4
        for public_key, envelope in signed:
            assert public_key in keys
            assert dsse.verify(envelope, public_key_hex=public_key) == b"{}"
    stranger = dsse.generate().public_key_hex
    assert trusted([stranger], published) == {stranger}
    keeper.clock.advance(SETTLED_AFTER)
    assert len((await rotation.tend(keeper.place)).destroyed) == 3
    assert await keeper.published() == published


async def test_a_forged_succession_vouches_for_nobody(keeper: Keeper) -> None:
    await all_of(rotation.rotate_signing(keeper.place))
    first, second = (await keeper.published()).keys
    forger = dsse.generate()
    alone = dsse.sign(b"{}", key=forger, payload_type="application/vnd.mains.succession+json")
    forged = second.model_copy(update={"succession": alone.decode()})
    assert trusted([first.key_id], PublishedKeys(keys=[first, forged])) == {first.key_id}


async def test_secrets_are_sealed_anew_and_the_old_key_goes_when_none_is_left(
    keeper: Keeper,
) -> None:
    box, job_id = SecretBox.from_files(keeper.keys), new_id()
    sealed, fingerprint = box.seal(b"secret", job_id=job_id), box.fingerprint(b"request")
    await all_of(rotation.rotate_secrets(keeper.place))
    assert box.open(sealed, job_id=job_id) == b"secret"
    fresh = box.seal(b"secret", job_id=job_id)
    assert fresh[:8] != sealed[:8]
    keeper.clock.advance(SETTLED_AFTER - timedelta(seconds=1))
    assert (await rotation.tend(keeper.place)).destroyed == ()
    keeper.clock.advance(timedelta(seconds=1))
    assert (await rotation.tend(keeper.place)).destroyed == ("secrets 1",)
    later = SecretBox.from_files(keeper.keys)
    assert later.open(fresh, job_id=job_id) == b"secret"
    with pytest.raises(StoreCorrupt):
        later.open(sealed, job_id=job_id)
    assert later.recognises(fingerprint, b"request")
    assert not later.recognises(fingerprint, b"another request")


def test_what_was_sealed_before_there_were_versions_is_opened(tmp_path: Path) -> None:
    box, job_id = SecretBox.from_files(tmp_path), new_id()
    key: SealingKey = box.newest[1]
    for nonce in (b"n" * 12, b"mns\x01" + b"n" * 8):
        sealed = nonce + key.cipher.encrypt(nonce, b"secret", job_id.bytes)
        assert box.open(sealed, job_id=job_id) == b"secret"


def test_a_process_that_runs_sees_a_new_version_at_its_next_use(tmp_path: Path) -> None:
    running, job_id = SecretBox.from_files(tmp_path), new_id()
    files = secrets_files(tmp_path)
    for version in (2, 3):
        files.introduce(version, bytes([version]) * 32)
        assert running.newest[0] == version - 1
        files.activate(version)
        assert running.newest[0] == version
    other = SecretBox.from_files(tmp_path)
    assert running.open(other.seal(b"x", job_id=job_id), job_id=job_id) == b"x"


def test_a_version_in_use_is_never_replaced(tmp_path: Path) -> None:
    files = secrets_files(tmp_path)
    files.begin(b"1" * 32)
    files.introduce(2, b"2" * 32)
    files.activate(2)
    files.introduce(2, b"x" * 32)
    files.activate(2)
    assert files.path(2).read_bytes() == b"2" * 32
    assert files.versions() == [1, 2]


@pytest.mark.parametrize("kind", ["pepper", "secrets", "signing"])
async def test_a_rotation_may_end_after_any_step_and_be_repeated(
    keeper: Keeper, kind: Kind
) -> None:
    rotations: dict[Kind, Callable[[], AsyncIterator[str]]] = {
        "pepper": lambda: rotation.rotate_pepper(keeper.place, within=MONTH),
        "secrets": lambda: rotation.rotate_secrets(keeper.place),
        "signing": lambda: rotation.rotate_signing(keeper.place),
    }
    job_id = new_id()
    sealed = SecretBox.from_files(keeper.keys).seal(b"secret", job_id=job_id)
    pinned = Signers.from_files(keeper.keys).newest[1].public_key_hex
    for ended_after in itertools.count(1):
        steps = rotations[kind]()
        try:
            await first_of(steps, ended_after)
        except StopAsyncIteration:
            break
        assert await keeper.enters()
        assert SecretBox.from_files(keeper.keys).open(sealed, job_id=job_id) == b"secret"
        signing = Signers.from_files(keeper.keys).newest[1].public_key_hex
        assert signing in trusted([pinned], await keeper.published())
        await rotation.tend(keeper.place)
        await all_of(rotations[kind]())
        assert await keeper.enters()
    known = await keeper.known(kind)
    assert [key.version for key in known] == list(range(1, len(known) + 1))
    assert all(key.in_use_since is not None for key in known)
    assert not list(keeper.keys.glob("*.next"))


@pytest.fixture(scope="module")
def own_server() -> Iterator[embedded.Server]:
    with embedded.throw_away() as server:
        yield server


def test_passwords_change_under_connections_and_may_stop_after_any_step(
    own_server: embedded.Server,
) -> None:
    layout = own_server.layout
    assert layout is not None
    url = own_server.endpoints.app_url
    standing = psycopg.connect(url)
    before = {role: layout.passwords.of(role) for role in layout.passwords.roles}
    for ended_after in itertools.count(1):
        steps = layout.passwords.rotate(layout.socket)
        done = list(itertools.islice(steps, ended_after))
        if len(done) < ended_after:
            break
        del steps
        # What a running `mains up` does twice a second.
        own_server.finish_passwords()
        psycopg.connect(url).close()
        assert standing.execute("SELECT 1").fetchone() == (1,)
        assert not list(layout.keys.glob("*.next"))
    after = {role: layout.passwords.of(role) for role in layout.passwords.roles}
    assert all(before[role] != after[role] for role in before)
    standing.close()


def test_an_old_password_opens_nothing(own_server: embedded.Server) -> None:
    layout: Layout | None = own_server.layout
    assert layout is not None
    old = layout.passwords.of("mains_app")
    list(layout.passwords.rotate(layout.socket))
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(own_server.endpoints.app_url, password=old)


def test_two_rotations_of_passwords_take_turns(own_server: embedded.Server) -> None:
    layout = own_server.layout
    assert layout is not None
    first = layout.passwords.rotate(layout.socket)
    next(first)
    with pytest.raises(AlreadyRunning):
        next(layout.passwords.rotate(layout.socket))
    assert not layout.passwords.finish(layout.socket)
    list(first)


def test_the_passwords_of_a_database_of_ones_own_are_left_alone(tmp_path: Path) -> None:
    own = Settings(home=tmp_path, commons=tmp_path, database_url="postgresql://own")
    none_yet = Settings(home=tmp_path, commons=tmp_path)
    for settings in (own, none_yet):
        with pytest.raises(SetupMissing):
            next(rotation.rotate_database(settings))

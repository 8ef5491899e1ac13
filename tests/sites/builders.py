"""A town with sites: the real routes over a real database, and agents that sign what they say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
from fastapi import FastAPI

from mains.clock import ManualClock
from mains.db import Database
from mains.ids import new_id
from mains.parties import service as parties
from mains.parties.door import Caller, Wired, install_problem_details
from mains.parties.keyfiles import Peppers
from mains.settings import Settings
from mains.sites import routes, service
from mains.sites.service import Offer
from mains.wire import dsse
from mains.wire.agent import PROTOCOL, PoolReport
from mains.wire.dsse import SigningKey
from mains.wire.parties import Role

PEPPER = Peppers({1: b"p" * 32})
LEASE = timedelta(seconds=15)


@dataclass
class Agent:
    """What an agent knows of itself: its key, and after joining its site and epoch."""

    key: SigningKey = field(default_factory=dsse.generate)
    site_id: UUID = field(default_factory=new_id)
    instance_id: UUID = field(default_factory=new_id)
    epoch: int = 0

    def envelope(self, now: datetime, **changed: Any) -> bytes:
        """Return a signed message with the head that every message has."""
        said = {
            "protocol": PROTOCOL,
            "site_id": str(self.site_id),
            "epoch": self.epoch or None,
            "sent_at": now.isoformat(),
        }
        return dsse.sign(orjson.dumps(said | changed), key=self.key)

    def registration(self, now: datetime, **changed: Any) -> bytes:
        said = {
            "protocol": PROTOCOL,
            "site_id": str(self.site_id),
            "instance_id": str(self.instance_id),
            "host": "node-1",
            "sent_at": now.isoformat(),
        }
        return dsse.sign(orjson.dumps(said | changed), key=self.key)


@dataclass
class Town:
    """The routes of sites, with keys for whoever is asked for."""

    database: Database
    clock: ManualClock
    client: httpx.AsyncClient

    async def key(self, organisation: str, *roles: Role) -> dict[str, str]:
        """Return the header of a fresh key of this organisation, made where it is new."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            home = next(
                (
                    known
                    for known in await parties.organisations(tx, after="", limit=100)
                    if known.name == organisation
                ),
                None,
            ) or await parties.create_organisation(
                tx, name=organisation, type="compute-centre", attributes={}, now=now
            )
            person = await parties.add_person(
                tx, organisation_id=home.id, name=f"p{new_id().hex}", roles=roles, now=now
            )
            caller = Caller(
                person.id, person.name, home.id, home.name, frozenset(roles), key_id="builder"
            )
            text, _ = await parties.create_key(
                tx,
                caller=caller,
                organisation=home,
                person=person.name,
                label="test",
                roles=None,
                valid_days=None,
                pepper=PEPPER,
                now=now,
            )
        return {"Authorization": f"Bearer {text.text}"}

    async def add(self, headers: dict[str, str], **changed: Any) -> httpx.Response:
        return await self.client.post("/v1/sites", json=a_site(**changed), headers=headers)

    async def joined(self, token: str) -> Agent:
        """Return an agent that has joined with this token and registered."""
        agent = Agent()
        answer = await self.join(token, agent)
        assert answer.status_code == 200, answer.text
        agent.site_id = UUID(answer.json()["site_id"])
        await self.register(agent)
        return agent

    async def join(self, token: str, agent: Agent) -> httpx.Response:
        asked = {
            "protocol": PROTOCOL,
            "token": token,
            "public_key": agent.key.public_key_hex,
            "host": "node-1",
        }
        return await self.client.post("/v1/agent/join", json=asked)

    async def register(self, agent: Agent) -> httpx.Response:
        answer = await self.client.post(
            "/v1/agent/register", content=agent.registration(self.clock.now())
        )
        if answer.status_code == 200:
            agent.epoch = answer.json()["epoch"]
        return answer

    async def hear(self, agent: Agent, pools: list[PoolReport]) -> datetime:
        """Let the server take a sync of this agent, as the agents' door does."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            spoken = await service.authenticate_envelope(tx, agent.envelope(now), now=now)
            return await service.seen(
                tx,
                site_id=spoken.site_id,
                epoch=spoken.epoch,
                pools=pools,
                lease_until=now + LEASE,
                now=now,
            )

    async def offers(self) -> list[Offer]:
        async with self.database.transaction() as tx:
            return await service.offers(tx, now=self.clock.now())


@asynccontextmanager
async def a_town(database: Database, settings: Settings) -> AsyncIterator[Town]:
    clock = ManualClock()
    app = FastAPI()
    install_problem_details(app)
    app.include_router(routes.router)
    app.state.mains = Wired(database=database, clock=clock, settings=settings, pepper=PEPPER)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://town.test") as client:
        yield Town(database, clock, client)


def a_pool(**changed: Any) -> dict[str, Any]:
    return {
        "name": "cpu",
        "unit": "cpu",
        "units": 4,
        "cpus": 4,
        "memory": "8GiB",
        "price_per_unit_hour": "2.50",
        "currency": "CNY",
        "host_share_percent": 50,
    } | changed


def a_site(**changed: Any) -> dict[str, Any]:
    return {
        "name": "north",
        "title": "North hall",
        "attributes": {"region": "north", "green": True},
        "pools": [a_pool()],
    } | changed


def a_report(pool_id: UUID, **changed: Any) -> PoolReport:
    return PoolReport.model_validate(
        {
            "pool_id": pool_id,
            "units": 4,
            "cpus": 4,
            "memory_bytes": 8 * 2**30,
            "isolation": "uid",
            "memory_limit": "cgroup1",
        }
        | changed
    )

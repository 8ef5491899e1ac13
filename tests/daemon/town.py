"""A small town on a running mains: one firm with money and a voucher, sites on this machine."""

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import yaml

from mains.agent import service
from mains.agent.config import Isolation
from mains.agent.host import HostRegistry
from mains.clock import SystemClock
from mains.ids import new_id
from mains.wire.client import Client
from mains.wire.ledger import DepositRequest
from mains.wire.parties import KeyRequest, OrganisationRequest, PersonRequest, Role
from mains.wire.programmes import VoucherRequest
from mains.wire.sites import JoinToken, NewPool, NewSite
from tests.daemon.running import Mains, eventually

FIRM = "lantern"
DEPOSIT = Decimal(1000)
PROGRAMME = "dongguan-2025"
SHARE_PERCENT = 5


@dataclass
class Town:
    """The firm's key, and the secrets that were shown on the way and belong in no log."""

    mains: Mains
    key: str
    canaries: list[str]

    @property
    def marks(self) -> Path:
        """Where tasks write what they do; a run's user reaches it."""
        return self.mains.folder / "marks"

    def client(self) -> Client:
        return self.mains.client(self.key)

    def spent(self) -> Decimal:
        """Return what left the firm's accounts for good; nothing may be held any more."""
        with self.client() as client:
            accounts = client.balance(FIRM).accounts
        assert {account.held for account in accounts} == {"0.00"}, accounts
        [own] = [account for account in accounts if account.kind == "own"]
        assert Decimal(own.granted) == DEPOSIT, own
        assert Decimal(own.available) == DEPOSIT - Decimal(own.spent), own
        kinds = ("own", "voucher")
        return sum((Decimal(each.spent) for each in accounts if each.kind in kinds), Decimal(0))


def build(mains: Mains, *, process_sites: int = 1, fake_sites: int = 0) -> Town:
    """Make the town at a running mains and wait until its agents report."""
    marks = mains.folder / "marks"
    marks.touch()
    marks.chmod(0o666)
    with mains.client() as client:
        key = _firm(client)
        names = [f"workshop-{number}" for number in range(process_sites)]
        fakes = [f"office-{number}" for number in range(fake_sites)]
        canaries = [mains.key(), key]
        tokens = [_site(mains, client, name, units=2) for name in names]
        tokens += [_site(mains, client, name, units=16, fake=True) for name in fakes]
        canaries += [text for token in tokens for text in (token, JoinToken.decode(token).secret)]
        eventually(lambda: {site.condition for site in client.sites()} == {"ready"})
    return Town(mains, key, canaries)


def _firm(client: Client) -> str:
    client.add_organisation(OrganisationRequest(name=FIRM, type="firm"))
    client.add_person(FIRM, PersonRequest(name="ada", roles=[Role.OWNER, Role.MEMBER]))
    client.deposit(
        FIRM, DepositRequest(amount=str(DEPOSIT), currency="CNY"), idempotency_key=new_id()
    )
    [text] = [pack.text for pack in client.programme_packs() if pack.name == PROGRAMME]
    document = yaml.safe_load(text)
    year = datetime.now(UTC).year
    document["valid"] = {"from": f"{year}-01-01", "until": f"{year + 2}-12-31"}
    client.publish_programme(yaml.safe_dump(document), pack=None, idempotency_key=new_id())
    client.grant_voucher(
        VoucherRequest(programme=PROGRAMME, organisation=FIRM, amount="500"),
        idempotency_key=new_id(),
    )
    return client.create_key(KeyRequest(label="test", organisation=FIRM, person="ada")).key


def _site(mains: Mains, client: Client, name: str, *, units: int, fake: bool = False) -> str:
    """Add a site whose agent joins from a folder that `up` watches; returns the join token."""
    trusted: Isolation = "auto" if os.geteuid() == 0 else "trusted"
    pool = NewPool(
        name="cpu",
        unit="cpu",
        units=units,
        cpus=units,
        memory="1GiB",
        price_per_unit_hour="36",
        currency="CNY",
        host_share_percent=SHARE_PERCENT,
        trusted=trusted == "trusted",
        engine="fake" if fake else "process",
    )
    token = client.add_site(NewSite(name=name, organisation=FIRM, pools=[pool])).token.token
    asyncio.run(
        service.join(
            token,
            folder=mains.settings.commons / "sites" / name,
            clock=SystemClock(),
            engine="fake" if fake else "process",
            isolation=trusted,
            slots=8,
            registry=HostRegistry.of_this_host(),
        )
    )
    return token

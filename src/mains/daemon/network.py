"""The demonstration network: two sites on this machine, an organisation, money and a voucher.

It is built through the same API and commands that everybody uses; built again, it changes nothing.
Where this machine can't keep runs apart, the sites are the organisation's own and run no others'
jobs.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

import yaml

from mains.agent.config import CONFIG_FILE, SLOTS
from mains.agent.host import UID_BASE
from mains.daemon.state import State
from mains.engines.process import isolation
from mains.errors import AlreadyExists, ServerUnreachable
from mains.ids import new_id
from mains.parties import keyfiles
from mains.settings import Settings
from mains.wire.client import Client
from mains.wire.connection import Connection
from mains.wire.ledger import DepositRequest
from mains.wire.parties import KeyRequest, OrganisationRequest, PersonRequest, Role
from mains.wire.programmes import VoucherRequest
from mains.wire.sites import NewPool, NewSite

ORGANISATION: Final = "lantern-robotics"
PERSON: Final = "ada"
OFFICE: Final = "programme-office"
OPERATOR: Final = "campus-computing"
CURRENCY: Final = "CNY"
DEPOSIT: Final = "100.00"
VOUCHER: Final = "40.00"
PROGRAMME: Final = "dongguan-2025"
PRICES: Final = {"north-campus": "3.60", "harbour-hall": "5.40"}
HOST_SHARE_PERCENT: Final = 16
"""Small enough for three such networks on one host: `make up`, `make demo` and the checks."""
MEMORY: Final = "512MiB"
READY_SECONDS_MAX: Final = 60

_SAME: Final = UUID("01920000-0000-7000-8000-6d61696e7321")
"""Names the demonstration's deposits and vouchers, so that building it twice pays once."""


def build(settings: Settings, state: State) -> dict[str, str]:
    """Make the network at a running server; returns what to say next and where things are."""
    key = (settings.keys / keyfiles.ADMINISTRATOR).read_text("utf-8").strip()
    with Client(Connection(state.url, key=key, certificates=state.certificate)) as client:
        user_key = _parties(client)
        _money(client)
        apart = _runs_are_kept_apart(settings)
        for name, price in PRICES.items():
            _site(client, settings, name, price, apart=apart)
        _wait_for_sites(client)
    _login(state.url, key, name="administrator")
    if user_key is not None:
        _login(state.url, user_key, name="demo")
    else:
        _command("context", "use", "demo")
    return {"organisation": ORGANISATION, "next": _next_words()}


def _parties(client: Client) -> str | None:
    """Make the organisations and a person; returns the person's key when it is new."""
    made = False
    for name, kind in ((ORGANISATION, "firm"), (OPERATOR, "institute"), (OFFICE, "public-body")):
        try:
            client.add_organisation(OrganisationRequest(name=name, type=kind))
            made = True
        except AlreadyExists:
            continue
    if not made:
        return None
    client.add_person(ORGANISATION, PersonRequest(name=PERSON, roles=[Role.OWNER, Role.MEMBER]))
    issued = client.create_key(KeyRequest(label="demo", organisation=ORGANISATION, person=PERSON))
    return issued.key


def _money(client: Client) -> None:
    client.deposit(
        ORGANISATION,
        DepositRequest(amount=DEPOSIT, currency=CURRENCY),
        idempotency_key=uuid5(_SAME, "deposit"),
    )
    if PROGRAMME not in {programme.name for programme in client.programmes()}:
        client.publish_programme(_document(client), pack=None, idempotency_key=new_id())
    client.grant_voucher(
        VoucherRequest(programme=PROGRAMME, organisation=ORGANISATION, amount=VOUCHER),
        idempotency_key=uuid5(_SAME, "voucher"),
    )


def _document(client: Client) -> str:
    """Return the programme's pack with a validity that holds today, whatever today is."""
    (text,) = (pack.text for pack in client.programme_packs() if pack.name == PROGRAMME)
    document = yaml.safe_load(text)
    year = datetime.now(UTC).year
    document["valid"] = {"from": f"{year}-01-01", "until": f"{year + 2}-12-31"}
    return yaml.safe_dump(document, allow_unicode=True)


def _runs_are_kept_apart(settings: Settings) -> bool:
    """Say whether a run can be kept from its neighbours here, by users of its own or a sandbox."""
    settings.sites.mkdir(parents=True, exist_ok=True)
    uids = range(UID_BASE, UID_BASE + SLOTS)
    return isolation.choose("auto", folder=settings.sites, uids=uids) != "trusted"


def _site(client: Client, settings: Settings, name: str, price: str, *, apart: bool) -> None:
    """Add a site and let its agent join from a folder that `up` watches."""
    folder = settings.sites / name
    if (folder / CONFIG_FILE).exists():
        return
    pool = NewPool(
        name="cpu",
        unit="cpu",
        units=1,
        cpus=1,
        memory=MEMORY,
        price_per_unit_hour=price,
        currency=CURRENCY,
        host_share_percent=HOST_SHARE_PERCENT,
        trusted=not apart,
    )
    owner = OPERATOR if apart else ORGANISATION
    try:
        token = client.add_site(NewSite(name=name, organisation=owner, pools=[pool])).token
    except AlreadyExists:
        token = client.join_token(name)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "mains.daemon.agent",
            "--folder",
            str(folder),
            "--join",
            "-",
            "--join-only",
        ],
        input=token.token.encode(),
        stdout=subprocess.DEVNULL,
        check=True,
        env={**os.environ, "MAINS_HOME": str(settings.home)},
    )


def _wait_for_sites(client: Client) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        ready = {site.name for site in client.sites() if site.condition == "ready"}
        if ready.issuperset(PRICES):
            return
        time.sleep(0.1)
    raise ServerUnreachable(
        "the agents of the sites did not report", hint="Look into the agents' logs."
    )


def _login(url: str, key: str, *, name: str) -> None:
    _command("login", "--url", url, "--key", "-", "--name", name, stdin=key)


def _command(*arguments: str, stdin: str = "") -> None:
    subprocess.run(
        [sys.executable, "-m", "mains.cli.main", *arguments],
        input=stdin.encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _next_words() -> str:
    return (
        f"You are {PERSON} of {ORGANISATION} (context `demo`; `mains context use administrator`"
        " for the other side).\n"
        "next:\n"
        "  mains balance\n"
        "  mains site list\n"
        "  mains run examples/digits/job.yaml\n"
        "  mains jobs\n"
        "  mains down"
    )

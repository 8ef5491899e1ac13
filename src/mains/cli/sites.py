"""`mains site`: what is sold where and at which price, and the way in for a site's agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from mains.cli import contexts
from mains.cli.output import Output, ago, moment, size
from mains.cli.parties import attributes_of
from mains.cli.requests import checked, checked_document, read_yaml
from mains.cli.session import Session, command, connect
from mains.errors import MainsError, RequestInvalid, TokenInvalid

if TYPE_CHECKING:
    from mains.wire.sites import PoolView, SiteView, TokenView

app = typer.Typer(help="Sites, their pools and prices.", no_args_is_help=True)

POOL_KEYS: Final = "name, unit, units, cpus, memory, price, currency, share, trusted, watts, engine"
_POOL_FIELDS: Final = {
    "price": "price_per_unit_hour",
    "share": "host_share_percent",
    "watts": "energy_watts_per_unit",
}


def complete_site(incomplete: str) -> list[str]:
    """Offer the names of sites to the shell; nothing on any error."""
    try:
        context = contexts.choose(None, contexts.load(contexts.configuration_folder()))
        with connect(context, key=contexts.require_key(context)) as client:
            return [site.name for site in client.sites() if site.name.startswith(incomplete)]
    except MainsError:
        return []


SiteArgument = Annotated[str, typer.Argument(metavar="SITE", autocompletion=complete_site)]
PoolOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE,...",
        help=f"A pool: {POOL_KEYS}; repeatable. "
        "Example: name=cpu,unit=cpu,units=8,cpus=8,memory=16GiB,price=0.40,currency=CNY",
    ),
]


@app.command("add")
@command
def add(
    session: Session,
    name: Annotated[str, typer.Argument(help="The site's short name; - for one in --file.")],
    pool: PoolOption = None,
    file: Annotated[
        str | None, typer.Option(help="A YAML document of the site and its pools instead.")
    ] = None,
    title: Annotated[str, typer.Option(help="The full name.")] = "",
    organisation: Annotated[str | None, typer.Option(help="Whose it is, if not one's own.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Such as city=dongguan.")
    ] = None,
) -> None:
    """Add a site with its pools, and get the token that lets its agent join."""
    from mains.wire.sites import NewSite

    read = read_yaml(file, what="site document") if file is not None else {}
    if not isinstance(read, dict):
        raise RequestInvalid("The site document is not a mapping of keys such as `pools:`.")
    document: dict[str, object] = {**read}
    given = {
        "name": None if name == "-" else name,
        "title": title,
        "organisation": organisation,
        "attributes": attributes_of(attribute or ()),
        "pools": [pool_of(text) for text in pool or ()],
    }
    document["pools"] = [_with_text_price(each) for each in read.get("pools") or []]
    document.update({key: value for key, value in given.items() if value})
    added = session.client.add_site(checked_document(NewSite, document))
    session.out.document(added)
    _show_site(session.out, added.site)
    session.out.line()
    _show_token(session.out, added.token)


@app.command("pool")
@command
def add_pool(session: Session, site: SiteArgument, pool: PoolOption = None) -> None:
    """Add pools to a site; its agent serves them from its next sync on."""
    from mains.wire.sites import NewPool

    if not pool:
        raise RequestInvalid("No pool is given.", hint="Add --pool name=...,unit=...,price=...")
    view: SiteView | None = None
    for request in [checked_document(NewPool, pool_of(text)) for text in pool]:
        view = session.client.add_pool(site, request)
    assert view is not None
    session.out.document(view)
    _show_site(session.out, view)


@app.command("list")
@command
def list_sites(session: Session) -> None:
    """List sites with their pools and prices of now."""
    found = session.client.sites()
    session.out.document(found)
    if not found:
        session.out.line("No sites yet. next: mains site add NAME --pool ...")
        return
    rows = [_pool_row(session.out, site, pool) for site in found for pool in site.pools]
    rows += [(site.name, site.condition, *"-----") for site in found if not site.pools]
    columns = ("site", "condition", "pool", "units", "memory", "unit-hour", "runs apart by")
    session.out.table(columns, rows, right=("memory", "unit-hour"))


@app.command("show")
@command
def show(session: Session, site: SiteArgument) -> None:
    """Show one site."""
    found = session.client.site(site)
    session.out.document(found)
    _show_site(session.out, found)


@app.command("drain")
@command
def drain(session: Session, site: SiteArgument) -> None:
    """Let a site finish what it runs and take nothing new."""
    _tell_state(session.out, session.client.drain_site(site))


@app.command("undrain")
@command
def undrain(session: Session, site: SiteArgument) -> None:
    """Let a drained site take work again."""
    _tell_state(session.out, session.client.undrain_site(site))


@app.command("rotate")
@command
def rotate(session: Session, site: SiteArgument) -> None:
    """Ask a site's agent for a new key; it makes one by itself twice a year."""
    view = session.client.rotate_site_key(site)
    session.out.document(view)
    session.out.line(f"The agent of {view.name} exchanges its key with its next word.")


@app.command("token")
@command
def token(session: Session, site: SiteArgument) -> None:
    """Make a fresh join token; unused ones before it end."""
    made = session.client.join_token(site)
    session.out.document(made)
    _show_token(session.out, made)


@app.command("price")
@command
def price(
    session: Session,
    site: SiteArgument,
    pool: str,
    amount: Annotated[str, typer.Argument(help="Per unit and hour, such as 0.40.")],
    currency: str,
) -> None:
    """Set a pool's price from now on; what was quoted before keeps its own."""
    from mains.wire.sites import NewPrice

    request = checked(NewPrice, price_per_unit_hour=amount, currency=currency)
    view = session.client.set_price(site, pool, request)
    session.out.document(view)
    _show_site(session.out, view)


def pool_of(text: str) -> dict[str, str]:
    """Read a pool from KEY=VALUE,KEY=VALUE; raises RequestInvalid that names the part."""
    values: dict[str, str] = {}
    for part in text.split(","):
        key, separator, value = part.strip().partition("=")
        if not separator or key not in POOL_KEYS.split(", "):
            raise RequestInvalid(f"{part!r} is no part of a pool.", hint=f"Parts: {POOL_KEYS}.")
        values[_POOL_FIELDS.get(key, key)] = value
    return values


def _with_text_price(pool: object) -> object:
    """YAML reads 0.40 as a number; a price is its text, which is exact."""
    if not isinstance(pool, dict) or "price_per_unit_hour" not in pool:
        return pool
    return {**pool, "price_per_unit_hour": str(pool["price_per_unit_hour"])}


def _tell_state(out: Output, site: SiteView) -> None:
    out.document(site)
    out.line(f"{site.name} is {site.state}.")


def _show_token(out: Output, made: TokenView) -> None:
    out.line(f"Join token of {made.site}, shown this once, good until {moment(made.expires_at)}:")
    out.line(made.token)
    if leads_nowhere_else(made.token):
        out.note(
            "It leads to this machine alone: MAINS_PUBLIC_URL of the server names the address "
            "that agents elsewhere dial."
        )
    out.line("next, at the site: mains agent --folder FOLDER --join -    (and paste the token)")


def leads_nowhere_else(token: str) -> bool:
    """Tell whether a server that others reach has made a token for its own machine."""
    from mains.wire.sites import JoinToken
    from mains.wire.trust import is_loopback

    try:
        url = JoinToken.decode(token).url
    except TokenInvalid:
        # A newer server may say more in it than is known here.
        return False
    return url.startswith("https:") and is_loopback(url)


def _show_site(out: Output, site: SiteView) -> None:
    attributes = ", ".join(f"{name}={value}" for name, value in site.attributes.items())
    out.pairs(
        [
            ("site", f"{site.name} {site.title}".rstrip()),
            ("condition", site.condition),
            ("attributes", attributes or "-"),
            ("host", site.host or "-"),
            ("last seen", ago(site.last_seen)),
        ]
    )
    if site.pools:
        out.line()
        columns = ("site", "condition", "pool", "units", "memory", "unit-hour", "runs apart by")
        rows = [_pool_row(out, site, pool) for pool in site.pools]
        out.table(columns, rows, right=("memory", "unit-hour"))


def _pool_row(out: Output, site: SiteView, pool: PoolView) -> tuple[str, ...]:
    return (
        site.name,
        site.condition,
        pool.name,
        f"{pool.units} {pool.unit}",
        size(pool.memory_bytes),
        out.amount(pool.price_per_unit_hour),
        "trust" if pool.trusted else pool.isolation or "-",
    )

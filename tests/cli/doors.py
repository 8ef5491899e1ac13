"""The small server's simpler doors: organisations, keys, sites, programmes and vouchers.

They answer with the control plane's own schemas and keep what they were asked in `city.bodies`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Header, HTTPException, Request

from mains.errors import KeyInvalid
from mains.ids import new_id
from mains.wire.base import Amount
from mains.wire.ledger import (
    AccountView,
    BalanceView,
    DepositRequest,
    DepositView,
    EntryPage,
    EntryView,
)
from mains.wire.parties import (
    KeyIssued,
    KeyRequest,
    KeyView,
    OrganisationPage,
    OrganisationRequest,
    OrganisationView,
    PersonRequest,
    PersonView,
    Role,
    WhoAmI,
)
from mains.wire.programmes import (
    PackView,
    ProgrammeDetail,
    ProgrammePage,
    ProgrammeView,
    VoucherPage,
    VoucherRequest,
    VoucherView,
)
from mains.wire.sites import (
    NewPool,
    NewPrice,
    NewSite,
    NewSiteView,
    PoolView,
    SiteList,
    SiteView,
    TokenView,
)

KEY: Final = "mains_testtest_key"
NOON: Final = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def yuan(decimal: str) -> Amount:
    return Amount(amount=decimal, currency="CNY")


def add_party_routes(app: FastAPI) -> None:
    @app.get("/v1/whoami")
    async def whoami(authorization: str = Header(default="")) -> WhoAmI:
        if authorization != f"Bearer {KEY}":
            raise KeyInvalid("this key is not known")
        return WhoAmI(
            person_id=new_id(),
            person="lin",
            organisation_id=new_id(),
            organisation="vision",
            roles=[Role.OWNER, Role.MEMBER],
            key="testtest",
        )

    def view(request: OrganisationRequest) -> OrganisationView:
        return OrganisationView(
            id=new_id(),
            name=request.name,
            title=request.title or "",
            type=request.type,
            attributes=request.attributes,
            created_at=NOON,
        )

    def key_view(request: KeyRequest) -> KeyView:
        return KeyView(
            prefix="abcdefgh",
            label=request.label,
            person=request.person or "lin",
            organisation=request.organisation or "vision",
            roles=request.roles or [Role.MEMBER],
            created_at=NOON,
        )

    @app.post("/v1/organisations", status_code=201)
    async def add_organisation(request: OrganisationRequest) -> OrganisationView:
        app.state.city.bodies.append(request)
        return view(request)

    @app.get("/v1/organisations")
    async def organisations(after: str, limit: int) -> OrganisationPage:
        name = {"": "a", "a": "b"}[after]
        one = view(OrganisationRequest(name=name, type="firm"))
        return OrganisationPage(organisations=[one], next_after="a" if name == "a" else None)

    @app.get("/v1/organisations/{reference}")
    async def organisation(reference: str) -> OrganisationView:
        return view(OrganisationRequest(name=reference, type="firm"))

    @app.get("/v1/organisations/{reference}/people")
    async def people(reference: str) -> list[PersonView]:
        return []

    @app.post("/v1/organisations/{reference}/people", status_code=201)
    async def add_person(reference: str, request: PersonRequest) -> PersonView:
        return PersonView(
            id=new_id(), name=request.name, title="", organisation_id=new_id(), roles=request.roles
        )

    @app.post("/v1/keys", status_code=201)
    async def create_key(request: KeyRequest) -> KeyIssued:
        return KeyIssued(key="mains_abcdefgh_secret", view=key_view(request))

    @app.get("/v1/keys")
    async def keys() -> list[KeyView]:
        return [key_view(KeyRequest())]

    @app.delete("/v1/keys/{prefix}")
    async def revoke(prefix: str) -> KeyView:
        return key_view(KeyRequest()).model_copy(update={"prefix": prefix, "revoked_at": NOON})


def pool_view(pool: NewPool) -> PoolView:
    return PoolView(
        id=new_id(),
        name=pool.name,
        unit=pool.unit,
        units=pool.units,
        cpus=pool.cpus,
        memory_bytes=2**30,
        host_share_percent=pool.host_share_percent,
        trusted=pool.trusted,
        energy_watts_per_unit=None,
        price_per_unit_hour=Amount(amount=pool.price_per_unit_hour, currency=pool.currency),
        tariff_id=new_id(),
        tariff_version=1,
        price_from=NOON,
        isolation=None,
        memory_limit=None,
        reported_units=None,
    )


def site_view(name: str, *pools: NewPool, state: Any = "active") -> SiteView:
    return SiteView(
        id=new_id(),
        name=name,
        title="",
        organisation_id=new_id(),
        state=state,
        condition="never joined",
        attributes={},
        last_seen=None,
        lease_until=None,
        host=None,
        pools=[pool_view(pool) for pool in pools],
    )


def token_view(name: str) -> TokenView:
    return TokenView(site_id=new_id(), site=name, token="mains-join-abcdefghijkl", expires_at=NOON)


def add_site_routes(app: FastAPI) -> None:
    @app.post("/v1/sites", status_code=201)
    async def add(request: NewSite) -> NewSiteView:
        app.state.city.bodies.append(request)
        return NewSiteView(
            site=site_view(request.name, *request.pools), token=token_view(request.name)
        )

    @app.get("/v1/sites")
    async def sites() -> SiteList:
        return SiteList(sites=[site_view("songshan")])

    @app.get("/v1/sites/{name}")
    async def site(name: str) -> SiteView:
        return site_view(name)

    @app.post("/v1/sites/{name}/token", status_code=201)
    async def token(name: str) -> TokenView:
        return token_view(name)

    @app.post("/v1/sites/{name}/pools", status_code=201)
    async def add_pool(name: str, request: NewPool) -> SiteView:
        return site_view(name, request)

    @app.put("/v1/sites/{name}/pools/{pool}/price")
    async def set_price(name: str, pool: str, request: NewPrice) -> SiteView:
        app.state.city.bodies.append(request)
        return site_view(name)

    @app.post("/v1/sites/{name}/{verb}")
    async def drain(name: str, verb: str) -> SiteView:
        if verb not in ("drain", "undrain"):
            raise HTTPException(404)
        return site_view(name, state="draining" if verb == "drain" else "active")


def add_programme_routes(app: FastAPI) -> None:
    @app.post("/v1/programmes", status_code=201)
    async def publish(
        request: Request, idempotency_key: Annotated[UUID, Header()], pack: str | None = None
    ) -> ProgrammeDetail:
        text = (await request.body()).decode()
        app.state.city.bodies.append((idempotency_key, pack, text))
        return programme_detail()

    @app.get("/v1/programmes")
    async def programmes(after: str, limit: int) -> ProgrammePage:
        view = ProgrammeView(**{key: getattr(programme_detail(), key) for key in VIEWED})
        return ProgrammePage(programmes=[view], next_after=None if after else "dongguan")

    @app.get("/v1/programmes/{name}")
    async def programme(name: str, version: int = 1) -> ProgrammeDetail:
        return programme_detail().model_copy(update={"version": version})

    @app.get("/v1/programme-packs")
    async def packs() -> list[PackView]:
        return [PackView(name="dongguan", text="name: dongguan\n")]

    @app.post("/v1/vouchers", status_code=201)
    async def grant(
        request: VoucherRequest, idempotency_key: Annotated[UUID, Header()]
    ) -> VoucherView:
        app.state.city.bodies.append(request)
        return voucher_view(idempotency_key)

    @app.get("/v1/vouchers")
    async def vouchers(granted_by_us: bool, before: UUID | None = None) -> VoucherPage:
        if before is not None or not granted_by_us:
            return VoucherPage(vouchers=[])
        return VoucherPage(vouchers=[voucher_view(VOUCHER)], next_before=VOUCHER)

    @app.get("/v1/vouchers/{voucher_id}")
    async def voucher(voucher_id: UUID) -> VoucherView:
        return voucher_view(voucher_id)


def add_money_routes(app: FastAPI) -> None:
    @app.post("/v1/organisations/{reference}/deposits", status_code=201)
    async def deposit(
        reference: str, request: DepositRequest, idempotency_key: Annotated[UUID, Header()]
    ) -> DepositView:
        app.state.city.bodies.append((idempotency_key, request))
        amount = Amount(amount=request.amount, currency=request.currency)
        return DepositView(deposit_id=idempotency_key, organisation=reference, deposited=amount)

    @app.get("/v1/organisations/{reference}/balance")
    async def balance(reference: str) -> BalanceView:
        accounts = [account_view()] if reference == "vision" else []
        return BalanceView(organisation=reference, accounts=accounts)

    @app.get("/v1/organisations/{reference}/entries")
    async def entries(reference: str, before: int | None = None) -> EntryPage:
        seq = 2 if before is None else 1
        entry = EntryView(
            seq=seq,
            kind="transfer",
            hold_id=None,
            draw_id=None,
            account_id=7,
            account_kind="own",
            scope="",
            currency="CNY",
            moved="1000.00",
            held="0.00",
            reason="deposit",
            at=NOON,
        )
        return EntryPage(entries=[entry], next_before=2 if before is None else None)


VIEWED: Final = tuple(ProgrammeView.model_fields)
VOUCHER: Final = UUID("01a200b6-b801-704d-86eb-64d30e01c72a")


def programme_detail() -> ProgrammeDetail:
    return ProgrammeDetail(
        id=new_id(),
        name="dongguan",
        version=1,
        title="东莞算力券",
        source="compiled, unverified",
        organisation="office",
        currency="CNY",
        time_zone="Asia/Shanghai",
        valid_from=NOON,
        valid_until=NOON,
        pot=yuan("50000000.00"),
        committed=yuan("1000000.00"),
        available=yuan("49000000.00"),
        document_sha256="sha256:" + "ab" * 32,
        published_at=NOON,
        document={"name": "dongguan", "title": "东莞算力券"},
    )


def account_view() -> AccountView:
    return AccountView(
        account_id=7,
        kind="own",
        scope="",
        currency="CNY",
        granted="1000.00",
        spent="3.00",
        held="0.00",
        available="997.00",
    )


def voucher_view(voucher_id: UUID) -> VoucherView:
    return VoucherView(
        id=voucher_id,
        programme="dongguan",
        version=1,
        organisation_id=new_id(),
        organisation="vision",
        state="open",
        granted=yuan("1000000.00"),
        room=yuan("412300.00"),
        promised=yuan("500000.00"),
        held=yuan("0.00"),
        spent=yuan("87700.00"),
        returned=yuan("0.00"),
        valid_from=NOON,
        valid_until=NOON,
        granted_at=NOON,
    )

"""Every door of the API: who may pass for what is their own, and what a stranger is told.

One row per route. `own` are the roles that pass for a thing of their own organisation; `stranger`
is what the same role of another organisation is told of that thing, None where the door names
nothing that belongs to somebody. Administrators pass everywhere; `auditor` says whether the
authority's auditors see it too.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mains.ids import new_id
from mains.wire.parties import Role
from tests.api.builders import a_bundle, sha256_of
from tests.programmes.builders import a_text
from tests.sites.builders import a_pool, a_site

ANY: Final = frozenset(Role) - {Role.ADMINISTRATOR}
MEMBERS: Final = frozenset({Role.MEMBER, Role.OWNER})
OWNERS: Final = frozenset({Role.OWNER})
OPERATORS: Final = frozenset({Role.OPERATOR})
OFFICERS: Final = frozenset({Role.OFFICER})
REVIEWERS: Final = frozenset({Role.OFFICER, Role.AUDITOR})
FILERS: Final = MEMBERS | REVIEWERS
NOBODY: Final = frozenset[Role]()

NOT_FOUND: Final = 404
"""Whether a thing of others exists is not told."""

FOREIGN: Final = 403
"""It is known to all that it exists: sites and programmes are public."""

SPEC: Final = {"run": "true", "time_seconds": 60, "grace_seconds": 1}
CODE: Final = a_bundle(code=b"true")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is sent besides the address."""

    json: Any = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def nothing(_: Mapping[str, str]) -> Asked:
    return Asked()


@dataclass(frozen=True, slots=True)
class Door:
    """One route, who passes, and what to send so that nothing but the role can refuse."""

    route: str
    own: frozenset[Role]
    stranger: int | None = None
    asked: Callable[[Mapping[str, str]], Asked] = nothing
    auditor: bool = True


def says(**keys: Any) -> Callable[[Mapping[str, str]], Asked]:
    """Return a body: {name} in its texts is replaced by the thing that is asked for."""
    return lambda things: Asked(json=_filled(keys, things))


def once(**keys: Any) -> Callable[[Mapping[str, str]], Asked]:
    """Return the same with an idempotency key."""
    return lambda things: Asked(
        json=_filled(keys, things), headers={"Idempotency-Key": str(new_id())}
    )


def _filled(value: Any, things: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.replace("{fresh}", f"n{new_id().hex}").format_map(
            {**things, "id": str(new_id())}
        )
    if isinstance(value, dict):
        return {key: _filled(each, things) for key, each in value.items()}
    return [_filled(each, things) for each in value] if isinstance(value, list) else value


def _programme(_: Mapping[str, str]) -> Asked:
    text = a_text(name=f"n{new_id().hex[:12]}")
    return Asked(content=text.encode(), headers={"Idempotency-Key": str(new_id())})


def _site(_: Mapping[str, str]) -> Asked:
    return Asked(json=a_site(name=f"n{new_id().hex}"))


def _pool(_: Mapping[str, str]) -> Asked:
    return Asked(json=a_pool(name=f"n{new_id().hex}", host_share_percent=1))


def _bundle(_: Mapping[str, str]) -> Asked:
    return Asked(content=CODE, headers={"Mains-Sha256": sha256_of(CODE)})


def _report(_: Mapping[str, str]) -> Asked:
    text = f"The city has {new_id().int % 10**6} GPUs.".encode()
    return Asked(content=text, headers={"Content-Type": "text/plain"})


REPORT: Final = base64.b64encode(b"The city of Beijing has 40 clusters.").decode()

DOORS: Final = (
    Door("GET /v1/whoami", ANY),
    Door("GET /v1/audit", NOBODY),
    # Organisations, people, keys.
    Door("POST /v1/organisations", NOBODY, asked=says(name="{fresh}", type="firm"), auditor=False),
    Door("GET /v1/organisations", ANY),
    Door("GET /v1/organisations/{organisation}", ANY, NOT_FOUND),
    Door("GET /v1/organisations/{organisation}/people", ANY, NOT_FOUND),
    Door(
        "POST /v1/organisations/{organisation}/people",
        OWNERS,
        NOT_FOUND,
        says(name="{fresh}"),
        auditor=False,
    ),
    Door("POST /v1/keys", ANY, asked=says(label="another")),
    Door("GET /v1/keys", ANY),
    Door("DELETE /v1/keys/{prefix}", OWNERS, NOT_FOUND, auditor=False),
    # Money.
    Door(
        "POST /v1/organisations/{organisation}/deposits",
        NOBODY,
        FOREIGN,
        once(amount="1.00", currency="CNY"),
        auditor=False,
    ),
    Door("GET /v1/organisations/{organisation}/balance", ANY, NOT_FOUND),
    Door("GET /v1/organisations/{organisation}/entries", ANY, NOT_FOUND),
    # Programmes and vouchers.
    Door("POST /v1/programmes", OFFICERS, asked=_programme, auditor=False),
    Door("GET /v1/programmes", ANY),
    Door("GET /v1/programmes/{programme}", ANY),
    Door("GET /v1/programme-packs", ANY),
    Door(
        "POST /v1/vouchers",
        OFFICERS,
        FOREIGN,
        once(programme="{programme}", organisation="{organisation}", amount="1.00"),
        auditor=False,
    ),
    Door("GET /v1/vouchers", ANY),
    Door("GET /v1/vouchers/{voucher}", ANY, NOT_FOUND),
    # Sites.
    Door("POST /v1/sites", OPERATORS, asked=_site, auditor=False),
    Door("GET /v1/sites", ANY),
    Door("GET /v1/sites/{site}", ANY),
    Door("POST /v1/sites/{site}/token", OPERATORS, FOREIGN, auditor=False),
    Door("POST /v1/sites/{site}/drain", OPERATORS, FOREIGN, auditor=False),
    Door("POST /v1/sites/{site}/undrain", OPERATORS, FOREIGN, auditor=False),
    Door("POST /v1/sites/{site}/rotate-key", OPERATORS, FOREIGN, auditor=False),
    Door("POST /v1/sites/{site}/pools", OPERATORS, FOREIGN, _pool, auditor=False),
    Door(
        "PUT /v1/sites/{site}/pools/{pool}/price",
        OPERATORS,
        FOREIGN,
        says(price_per_unit_hour="2", currency="CNY"),
        auditor=False,
    ),
    # Quotes and jobs.
    Door("POST /v1/quotes", MEMBERS, asked=says(spec=SPEC), auditor=False),
    Door("GET /v1/quotes/{quote}", ANY, NOT_FOUND),
    Door("POST /v1/jobs", MEMBERS, asked=says(id="{id}", spec=SPEC), auditor=False),
    Door(
        "POST /v1/jobs/batch",
        MEMBERS,
        asked=says(jobs=[{"id": "{id}", "spec": SPEC}]),
        auditor=False,
    ),
    Door("GET /v1/jobs", ANY),
    Door("GET /v1/jobs/{job}", ANY, NOT_FOUND),
    Door("GET /v1/jobs/{job}/why", ANY, NOT_FOUND),
    Door("POST /v1/jobs/{job}/cancel", MEMBERS, NOT_FOUND, says(), auditor=False),
    Door("GET /v1/jobs/{job}/logs", ANY, NOT_FOUND),
    Door("GET /v1/jobs/{job}/receipt", ANY, NOT_FOUND),
    Door("GET /v1/jobs/{job}/artefacts", ANY, NOT_FOUND),
    Door("PUT /v1/bundles", MEMBERS, asked=_bundle, auditor=False),
    Door("GET /v1/blobs/{content}", ANY, NOT_FOUND),
    # The library of reports, which is everybody's who has a key.
    Door("POST /v1/reports/documents", FILERS, asked=_report),
    Door("POST /v1/reports/addresses", FILERS, asked=says(url="http://127.0.0.1/")),
    Door(
        "POST /v1/reports/documents/bulk",
        FILERS,
        asked=says(documents=[{"content_base64": REPORT}]),
    ),
    Door("GET /v1/reports/documents", ANY),
    Door("GET /v1/reports/documents/{document}", ANY),
    Door("GET /v1/reports/documents/{document}/text", ANY),
    Door("POST /v1/reports/documents/{document}/publish", REVIEWERS),
    Door("GET /v1/reports/claims", ANY),
    Door("GET /v1/reports/claims/{claim}", ANY),
    Door("GET /v1/reports/claims/{claim}/why", ANY),
    Door("GET /v1/reports/claims/{claim}/reviews", ANY),
    Door("GET /v1/reports/claims/{claim}/envelopes", ANY),
    Door("GET /v1/reports/relations", ANY),
    Door("GET /v1/reports/edges", ANY),
    Door("POST /v1/reports/edges/between", ANY, asked=says(claims=["{claim}"])),
    Door("GET /v1/reports/subjects", ANY),
    Door("GET /v1/reports/views?subject={subject}", ANY),
    Door("GET /v1/reports/queue", ANY),
    Door("GET /v1/reports/exports?format={format}", ANY),
    Door(
        "POST /v1/reports/reviews",
        REVIEWERS,
        asked=says(id="{id}", claim="{claim}", decision="accept"),
    ),
    Door(
        "POST /v1/reports/reviews/batch",
        REVIEWERS,
        asked=says(reviews=[{"id": "{id}", "claim": "{claim}", "decision": "accept"}]),
    ),
    Door("GET /v1/reports/drafts", ANY),
    Door("POST /v1/reports/drafts", REVIEWERS, asked=says(claim="{claim}")),
    Door("GET /v1/reports/drafts/{draft}", ANY),
    Door(
        "POST /v1/reports/drafts/{draft}/fill",
        REVIEWERS,
        asked=once(fields={"title": ["Vouchers"]}),
    ),
    Door("POST /v1/reports/drafts/{draft}/complete", OFFICERS, asked=once(note="done")),
    Door("POST /v1/reports/drafts/{draft}/withdraw", REVIEWERS, asked=once(note="no")),
    Door("GET /v1/reports/drafts/{draft}/envelopes", ANY),
    Door("GET /v1/reports/live", ANY),
)

OPEN: Final = frozenset(
    {
        "GET /openapi.json",
        "GET /docs",
        "GET /docs/oauth2-redirect",
        "GET /redoc",
        "GET /v1/server",
        "GET /v1/server/keys",
        "GET /health",
        "GET /metrics",
        "GET /",
        "GET /reports",
        "GET /reports/subjects/{subject_id:path}",
        "GET /reports/claims/{claim_id}",
        "GET /reports/claims/{claim_id}/edges",
        "GET /reports/exports/{name}",
        "GET /reports/static/{digest}/{name}",
        "GET /v1/reports/exports/{name}",
    }
)
"""Doors without a key: what they show is for everybody."""

SIGNED: Final = frozenset(
    {
        "POST /v1/agent/join",
        "POST /v1/agent/register",
        "POST /v1/agent/rotate",
        "POST /v1/agent/sync",
        "POST /v1/agent/logs",
        "GET /v1/agent/blobs/{sha256}",
        "PUT /v1/agent/blobs/{sha256}",
    }
)
"""Doors of agents, who sign: no key of a person opens them."""

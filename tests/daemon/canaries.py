"""Secrets of many kinds that can be recognised anywhere, and a search of all that mains keeps."""

import base64
import re
import secrets
import string
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from tests.daemon.running import Mains

LETTERS = string.ascii_letters + string.digits
WORD = re.compile(r"[A-Za-z0-9]{18,}")
"""A part of a secret that is long enough to be nothing else."""

SKIPPED_SYSTEMS = ("pg_catalog", "information_schema")


def a_word(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def canaries() -> dict[str, str]:
    """Return one fresh secret of each kind, in the form in which people meet it."""
    body = "\n".join(a_word(64) for _ in range(3))
    jwt = f"eyJhbGciOiJIUzI1NiJ9.{a_word(48)}.{a_word(43)}"
    return {
        "AWS_SECRET_ACCESS_KEY": a_word(36) + "/+aZ",
        "AWS_ACCESS_KEY_ID": "AKIA" + a_word(16).upper(),
        "GITHUB_TOKEN": "ghp_" + a_word(36),
        "JWT": jwt,
        "PRIVATE_KEY": f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n",
        "SSH_KEY": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{a_word(70)}\n-----END OPENSSH-----\n",
        "SLACK_TOKEN": f"xoxb-{a_word(12)}-{a_word(24)}",
        "STRIPE_KEY": "sk_test_" + a_word(24),
        "GOOGLE_API_KEY": "AIza" + a_word(35),
        "HF_TOKEN": "hf_" + a_word(34),
        "OPENAI_API_KEY": "sk-proj-" + a_word(48),
        "MAINS_KEY_OF_OTHERS": f"mains_{a_word(8).lower()}_{a_word(43)}",
        "MAINS_JOIN_TOKEN": "mj1." + base64.urlsafe_b64encode(a_word(60).encode()).decode(),
        "BASIC_AUTH_URL": f"https://someone:{a_word(20)}@packages.example/simple",
        "BEARER": f"Authorization: Bearer {a_word(40)}",
        "COOKIE": f"session={a_word(32)}; Path=/; HttpOnly",
        "DATABASE_URL": f"postgresql://writer:{a_word(22)}@db.example:5432/city?sslmode=require",
        "KUBE_TOKEN": f"apiVersion: v1\nusers:\n- user:\n    token: {a_word(44)}\n",
        "ENV_LINE": f"export SECRET_KEY_BASE='{a_word(30)}&%$'",
        "NPM_TOKEN": "npm_" + a_word(36),
        "RANDOM_BYTES": base64.b64encode(secrets.token_bytes(32)).decode(),
        "WITH_QUOTES": f'{a_word(18)}"\\é{a_word(18)}',
    }


def needles(values: Mapping[str, str]) -> dict[bytes, str]:
    """Return what each secret looks like in a store: whole, by line, encoded; with its kind."""
    found = {}
    for kind, value in values.items():
        for line in value.splitlines():
            if len(line) < 12 or line.startswith(("-----", "apiVersion")):
                continue
            found.update(dict.fromkeys((w.encode() for w in WORD.findall(line)), kind))
            plain = line.strip().encode()
            forms = [plain, urllib.parse.quote(line, safe="").encode(), plain.hex().encode()]
            forms += [base64.b64encode(plain)[:-4], base64.urlsafe_b64encode(plain)[:-4]]
            found.update(dict.fromkeys(forms, kind))
    return found


def search(mains: Mains, wanted: Mapping[bytes, str], *, runs_too: bool) -> list[str]:
    """Return where any of these stands: files, the database's rows and pages, processes."""
    places = [*_rows(mains), *_processes(mains)]
    found = [
        f"{kind} in {place} behind {content[: content.find(needle)][-40:]!r}"
        for place, content in places
        for needle, kind in wanted.items()
        if needle in content
    ]
    return found + _files(mains, wanted, runs_too=runs_too)


def _files(mains: Mains, wanted: Iterable[bytes], *, runs_too: bool) -> list[str]:
    """Search every file of the homes, Postgres' own included; a run's slot is the run's own."""
    settings = mains.settings
    homes = {str(path) for path in (mains.folder, settings.home, settings.commons)}
    command = ["grep", "-raFl", "-f", "-", *([] if runs_too else ["--exclude-dir=slot"]), *homes]
    done = subprocess.run(
        command,
        input=b"\n".join(wanted),
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    return [f"a secret in {path}" for path in sorted({*done.stdout.decode().splitlines()})]


def _rows(mains: Mains) -> Iterator[tuple[str, bytes]]:
    """Yield every table as text and its binary columns as bytes, as the superuser sees them."""
    state = mains.state
    assert state is not None
    password = (mains.settings.keys / "postgres_superuser").read_text().strip()
    where = urllib.parse.urlsplit(state.database_url)
    url = f"postgresql://mains_superuser:{password}@/{where.path.lstrip('/')}?{where.query}"
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND NOT table_schema = ANY(%s)",
            [list(SKIPPED_SYSTEMS)],
        ).fetchall()
        assert len(tables) > 20
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            for (text,) in connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(name)):
                yield f"{schema}.{table}", text.encode()
            for (column,) in connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE data_type = 'bytea'"
                " AND table_schema = %s AND table_name = %s",
                [schema, table],
            ).fetchall():
                statement = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), name)
                for (content,) in connection.execute(statement):
                    yield f"{schema}.{table}.{column}", bytes(content or b"")


def _processes(mains: Mains) -> Iterator[tuple[str, bytes]]:
    """Yield command lines and environments of what goes on living: all but the runs themselves."""
    mains.record()
    for process in {*mains.started, *mains.processes("supervisor")}:
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                yield f"{name} of {process.pid}", Path(f"/proc/{process.pid}/{name}").read_bytes()


def shell_reads_all(names: Mapping[str, str]) -> str:
    """Return shell words that print every secret in many ways, and a digest of all of them."""
    listed = " ".join(names)
    return f"""
set -x; env; export -p
for name in {listed}; do
  printf '%s\\n' "${{!name}}" >&2; printf '%s' "${{!name}}" | base64 -w0; echo
  {{ set +x; }} 2>/dev/null
  printf '%s' "${{!name:0:9}}"; sleep 0.01; printf '%s\\n' "${{!name:9}}"; set -x
  printf '%s' "${{!name}}" > "$HOME/$name"
  printf '%s' "${{!name}}" > "/tmp/$name.$MAINS_ATTEMPT_ID"
  bash -c 'true' -- "${{!name}}"
done; set +x
python3 -c 'import os, json; print(json.dumps({{n: os.environ[n] for n in "{listed}".split()}}))'
for name in {listed}; do printf '%s\\0' "${{!name}}"; done | sha256sum > "$MAINS_OUTPUT/digest"
"""

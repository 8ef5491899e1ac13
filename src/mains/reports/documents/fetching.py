"""A page is fetched from a public address, and from no other.

The name is resolved here, every address is checked, and the connection goes to the checked address
itself: a name that resolves differently a moment later changes nothing. Each redirect is a fetch
of its own with the same checks. No cookies, no credentials, no proxy of the environment.
"""

from __future__ import annotations

import asyncio
import re
import socket
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

import httpx

from mains import __version__
from mains.errors import AddressRefused, DocumentTooLarge, DocumentUnreadable, SourceUnreachable
from mains.reports import limits

SECONDS_MAX: Final = 30.0
"""From the first look-up to the last byte, redirects included."""
REDIRECTS_MAX: Final = 5
URL_CHARACTERS_MAX: Final = 2_048
PORTS_OF_SERVICES: Final = range(1, 1_024)
"""Ports that other services listen on; of these only the two of the web are asked."""
PORTS: Final = {"http": 80, "https": 443}
HEADERS: Final = {
    "User-Agent": f"mains/{__version__}",
    "Accept": "text/html, application/pdf, text/plain;q=0.9, */*;q=0.1",
    "Accept-Encoding": "gzip",
}
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
LOOKS_NUMERIC: Final = re.compile(r"(?:^|\.)(?:0[xX][0-9a-fA-F]*|[0-9]+)\.?$")
FORBIDDEN: Final = tuple(
    map(
        ip_network,
        (
            "64:ff9b::/96",  # NAT64: any IPv4 address in IPv6's clothes
            "64:ff9b:1::/48",
            "2001::/32",  # Teredo
            "2002::/16",  # 6to4
            "::/96",  # IPv4-compatible
            "168.63.129.16/32",  # a cloud's metadata behind a public address
        ),
    )
)

Address = IPv4Address | IPv6Address
MayConnect = Callable[[Address, int], bool]
"""Says whether a page may be fetched from this address and port."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: the bytes, what the server says they are, and where they were found."""

    content: bytes
    media_type: str | None
    url: str

    @property
    def name(self) -> str:
        """The last part of the address, or its host."""
        url = httpx.URL(self.url)
        return unquote(url.path.rstrip("/").rpartition("/")[2]) or url.host


def is_public(address: Address, port: int) -> bool:
    """Whether an address is one of the public internet, and the port one of the web."""
    if port in PORTS_OF_SERVICES and port not in PORTS.values():
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return False
    if any(address in network for network in FORBIDDEN if network.version == address.version):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_reserved
        or address.is_unspecified
    )


def fetch(
    url: str,
    *,
    may_connect: MayConnect = is_public,
    proxy: str | None = None,
    seconds_max: float = SECONDS_MAX,
    bytes_max: int = limits.FILE_BYTES_MAX,
) -> Fetched:
    """Return what stands at an address.

    Raises AddressRefused before anything is sent where the address is not a public one,
    DocumentTooLarge beyond `bytes_max`, and SourceUnreachable where nothing came in time.
    """
    return asyncio.run(_bounded(url, may_connect, proxy, seconds_max, bytes_max))


async def _bounded(
    url: str, may_connect: MayConnect, proxy: str | None, seconds_max: float, bytes_max: int
) -> Fetched:
    try:
        async with asyncio.timeout(seconds_max):
            return await _follow(url, may_connect, proxy, bytes_max)
    except TimeoutError as error:
        raise SourceUnreachable(f"{url} did not come within {seconds_max:g} seconds") from error
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise SourceUnreachable(f"{url} cannot be fetched: {reason}") from error


async def _follow(url: str, may_connect: MayConnect, proxy: str | None, bytes_max: int) -> Fetched:
    target = checked_url(url)
    for _ in range(1 + REDIRECTS_MAX):
        address = await _resolved(target, may_connect)
        # A client of its own for each request: no cookie and no connection outlives it.
        async with (
            httpx.AsyncClient(trust_env=False, proxy=proxy, timeout=SECONDS_MAX) as client,
            client.stream(
                "GET",
                target.copy_with(host=str(address), fragment=None),
                headers={**HEADERS, "Host": target.netloc.decode("ascii")},
                extensions={"sni_hostname": target.raw_host.decode("ascii")},
                follow_redirects=False,
            ) as answer,
        ):
            following = _redirect(answer, target)
            if following is None:
                return await _received(answer, target, bytes_max)
            target = following
    raise SourceUnreachable(f"{url} redirects more than {REDIRECTS_MAX} times")


def checked_url(url: str) -> httpx.URL:
    """Return the address; raises AddressRefused for one that is never fetched."""
    if len(url) > URL_CHARACTERS_MAX:
        raise AddressRefused(f"the address has more than {URL_CHARACTERS_MAX:,} characters")
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise AddressRefused(f"{url} is no web address") from error
    if parsed.scheme not in PORTS or not parsed.host:
        raise AddressRefused(f"{url} is no address that begins with http:// or https://")
    if parsed.userinfo:
        raise AddressRefused(
            f"the address of {parsed.host} carries a name or password",
            hint="Leave out what stands before the @.",
        )
    if LOOKS_NUMERIC.search(parsed.host) and not _is_plain_ipv4(parsed.host):
        raise AddressRefused(f"{parsed.host} is a number that stands for another address")
    return parsed


def _is_plain_ipv4(host: str) -> bool:
    try:
        return str(IPv4Address(host)) == host
    except ValueError:
        return False


async def _resolved(target: httpx.URL, may_connect: MayConnect) -> Address:
    """Return the address to connect to; one that is refused among several refuses all."""
    host = target.raw_host.decode("ascii")
    port = target.port or PORTS[target.scheme]
    for address in (addresses := await _addresses(host, port)):
        if not may_connect(address, port):
            raise AddressRefused(
                f"{target.host} is no public web address: it leads to {address}, port {port}",
                host=target.host,
            )
    return addresses[0]


async def _addresses(host: str, port: int) -> Sequence[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceUnreachable(f"the name {host} cannot be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    if any("%" in address for address in addresses):
        raise AddressRefused(f"{host} leads to an address of this network alone")
    if not addresses:
        raise SourceUnreachable(f"the name {host} has no address")
    return [ip_address(address) for address in addresses]


def _redirect(answer: httpx.Response, target: httpx.URL) -> httpx.URL | None:
    """Return where the answer leads to, checked like any address, or None."""
    if answer.status_code not in REDIRECTS or "location" not in answer.headers:
        return None
    try:
        following = target.join(answer.headers["location"])
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused(f"{target.host} redirects to what is no web address") from error
    if target.scheme == "https" and following.scheme == "http":
        raise AddressRefused(f"{target.host} redirects from https to http")
    return checked_url(str(following))


async def _received(answer: httpx.Response, target: httpx.URL, bytes_max: int) -> Fetched:
    if not answer.is_success:
        raise SourceUnreachable(f"{target} answers {answer.status_code} {answer.reason_phrase}")
    if int(answer.headers.get("content-length") or 0) > bytes_max:
        raise _too_large(target, bytes_max)
    content = bytearray()
    async for part in _decoded(answer, target, bytes_max):
        content += part
        if len(content) > bytes_max:
            raise _too_large(target, bytes_max)
    return Fetched(bytes(content), answer.headers.get("content-type"), str(target))


async def _decoded(
    answer: httpx.Response, target: httpx.URL, bytes_max: int
) -> AsyncIterator[bytes]:
    """Yield the body; what is compressed is unpacked only as far as the bound."""
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        async for part in answer.aiter_raw():
            yield part
        return
    if encoding not in {"gzip", "x-gzip"}:
        raise DocumentUnreadable(f"{target} is sent as {encoding}, which was not asked for")
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        async for part in answer.aiter_raw():
            yield unpacking.decompress(part, bytes_max + 1)
            if unpacking.unconsumed_tail:
                raise _too_large(target, bytes_max)
        yield unpacking.flush()
    except zlib.error as error:
        raise DocumentUnreadable(f"{target} is sent as gzip and is broken") from error
    if not unpacking.eof:
        raise DocumentUnreadable(f"{target} is sent as gzip and breaks off")


def _too_large(target: httpx.URL, bytes_max: int) -> DocumentTooLarge:
    return DocumentTooLarge(f"{target} has more than {bytes_max:,} bytes", limit="bytes")

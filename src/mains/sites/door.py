"""What the routes for agents take: a signed envelope as the request's body."""

from typing import Annotated

from fastapi import Depends, Request

from mains.errors import RequestInvalid
from mains.wire.dsse import ENVELOPE_BYTES_MAX

__all__ = ["EnvelopeDependency"]


async def _envelope(request: Request) -> bytes:
    """Return the body, read no further than an envelope may be long."""
    parts: list[bytes] = []
    size_bytes = 0
    async for part in request.stream():
        size_bytes += len(part)
        if size_bytes > ENVELOPE_BYTES_MAX:
            raise RequestInvalid(f"an agent's message has at most {ENVELOPE_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


EnvelopeDependency = Annotated[bytes, Depends(_envelope)]
"""The exact bytes that the agent signed and sent; `service.authenticate_envelope` reads them."""

"""One OpenAI-compatible endpoint over HTTP, bounded in bytes and in time.

    endpoint = ModelEndpoint(ModelSettings(url="http://127.0.0.1:8080/v1", model="small"))
    text = endpoint.complete(messages, schema)        # raises ModelFault

The address is the operator's own choice, this machine included; redirects are never followed. Keys,
prompts and answers are never logged, and no message of a ModelFault quotes them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from mains.errors import SetupMissing
from mains.reports.proposing.faults import ModelFault
from mains.settings import Settings

CONNECT_SECONDS_MAX: Final = 5.0
ANSWER_TOKENS_MAX: Final = 4_096
ANSWER_BYTES_MAX: Final = 2**20
KEY_BYTES_MAX: Final = 8_192
FORMATS: Final = ("json_schema", "json_object", "text")
"""Kinds of structured output, the strictest first; a weaker one is tried where it is refused."""
REFUSALS: Final = frozenset({400, 404, 422, 501})
OK: Final = 200

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which model is asked, and how long and how much it may answer."""

    url: str
    """The endpoint's base, to which `/chat/completions` is added."""
    model: str
    key: str | None = field(default=None, repr=False)
    seconds_max: float = 60.0
    """For one answer, from connecting to its last byte."""
    answer_bytes_max: int = ANSWER_BYTES_MAX

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return what the settings name, or None where they name no endpoint: it is off then.

        Raises SetupMissing for an address that is none, and for a key that can't be read.
        """
        if settings.model_url is None:
            return None
        return cls(
            url=checked_address(settings.model_url),
            model=settings.model_name,
            key=_key(settings),
            seconds_max=settings.model_seconds_max,
        )


def checked_address(url: str) -> str:
    """Return the address without a slash at its end; raises SetupMissing where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupMissing("MAINS_MODEL_URL is no http or https address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SetupMissing(
            "MAINS_MODEL_URL holds more than an address",
            hint="Put the key into a file and name that with MAINS_MODEL_KEY_FILE.",
        )
    return url.rstrip("/")


def _key(settings: Settings) -> str | None:
    if settings.model_key_file is None:
        return settings.model_key
    path = Path(settings.model_key_file)
    try:
        with path.open("rb") as file:
            key = file.read(KEY_BYTES_MAX).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupMissing(f"MAINS_MODEL_KEY_FILE cannot be read: {path}") from error
    return key or None


class ModelEndpoint:
    """Asks one model; remembers which kind of structured output the endpoint takes."""

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self._format = 0

    def complete(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
        """Return the text of the model's answer.

        Raises ModelFault where there is none within the bounds; what was asked changes nothing.
        Not to be called from a thread that runs an event loop.
        """
        while True:
            status, content = asyncio.run(self._bounded(self._body(messages, schema)))
            if status in REFUSALS and self._format < len(FORMATS) - 1:
                self._format += 1
                continue
            if status != OK:
                raise ModelFault("model_refused", f"The model's server answered {status}.")
            return _text(content)

    def _body(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> bytes:
        body: dict[str, Any] = {
            "model": self.settings.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": ANSWER_TOKENS_MAX,
            "stream": False,
        }
        kind = FORMATS[self._format]
        if kind == "json_schema":
            named = {"name": "proposals", "strict": True, "schema": dict(schema)}
            body["response_format"] = {"type": kind, "json_schema": named}
        elif kind == "json_object":
            body["response_format"] = {"type": kind}
        return json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")

    async def _bounded(self, body: bytes) -> tuple[int, bytes]:
        seconds = self.settings.seconds_max
        try:
            async with asyncio.timeout(seconds):
                return await self._post(body)
        except TimeoutError:
            raise ModelFault(
                "model_slow", f"The model did not answer within {seconds:g} seconds."
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ModelFault(
                "model_unreachable", f"The model's server failed: {type(error).__name__}."
            ) from None

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self.settings.key is not None:
            headers["Authorization"] = f"Bearer {self.settings.key}"
        timeout = httpx.Timeout(
            self.settings.seconds_max, connect=min(CONNECT_SECONDS_MAX, self.settings.seconds_max)
        )
        async with (
            httpx.AsyncClient(
                timeout=timeout,
                follow_redirects=False,
                # A proxy of the environment can't reach this machine's loopback.
                trust_env=not _is_local(self.settings.url),
            ) as client,
            client.stream(
                "POST", f"{self.settings.url}/chat/completions", content=body, headers=headers
            ) as response,
        ):
            if response.is_redirect:
                raise ModelFault("model_redirects", "The model's server redirects; not followed.")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ModelFault("model_unreadable", "The answer is packed; it was not unpacked.")
            return response.status_code, await self._read(response)

    async def _read(self, response: httpx.Response) -> bytes:
        held = bytearray()
        async for chunk in response.aiter_raw():
            held += chunk
            if len(held) > self.settings.answer_bytes_max:
                raise ModelFault(
                    "model_too_long",
                    f"The answer is longer than {self.settings.answer_bytes_max:,} bytes.",
                )
        return bytes(held)


def _text(content: bytes) -> str:
    """Return the message of a chat completion."""
    try:
        choice = json.loads(content)["choices"][0]
        text = choice["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelFault("model_unreadable", "The answer is no chat completion.") from error
    if not isinstance(text, str):
        raise ModelFault("model_unreadable", "The answer holds no text.")
    if choice.get("finish_reason") == "length":
        raise ModelFault("model_too_long", "The answer was cut off at its greatest length.")
    return text


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

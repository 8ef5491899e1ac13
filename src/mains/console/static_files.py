"""Files of the pages: the console's own, and vendored ones, each under an address with its hash."""

import gzip
import hashlib
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Final

PREFIX: Final = "/reports/static"
HASH_DIGITS: Final = 16
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is sent; the address changes whenever the content does."""

    address: str
    media_type: str
    content: bytes
    gzipped: bytes


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files by name; licences and the manifest are kept, not served."""
    root = importlib.resources.files("mains.console").joinpath("static")
    found = {}
    for folder in (root, root.joinpath("vendor")):
        for file in folder.iterdir():
            media_type = MEDIA_TYPES.get(PurePath(file.name).suffix)
            if media_type is None:
                continue
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
            found[file.name] = StaticFile(
                address=f"{PREFIX}/{digest}/{file.name}",
                media_type=media_type,
                content=content,
                gzipped=gzip.compress(content, mtime=0),
            )
    return found

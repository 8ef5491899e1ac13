"""500 real kill -9 of every part of a running mains, with 64 contenders on one account."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.daemon.killing import rampage

from faults.campaign import Broken, Share

KILLS: Final[Mapping[str, int]] = {
    "api": 100,
    "dispatcher": 100,
    "agent": 100,
    "supervisor": 100,
    "postgres": 60,
    "backends": 20,
    "up": 20,
}
CONTENDERS: Final = 64


def run(share: Share, seed: int) -> Mapping[str, int]:
    """Kill this share's part of each role under load, then check all that was acknowledged."""
    kills = {role: len(share.part(number)) for role, number in KILLS.items()}
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        killed, book = rampage(kills, seed=seed + share.number, contenders=CONTENDERS)
    if killed != {role: number for role, number in kills.items() if number}:
        raise Broken(f"{dict(killed)} were killed, and {kills} had to be")
    refused = sum(refusal.startswith("insufficient_funds") for refusal in book.refusals)
    if not refused:
        raise Broken("nobody was refused: the contenders did not contend")
    return {
        "kills": sum(killed.values()),
        "jobs": len(book.answers),
        "refused": refused,
        "other refusals": len(book.refusals) - refused,
    }

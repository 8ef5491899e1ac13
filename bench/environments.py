"""Environments of the peers: pinned and hashed, apart from mains' own, made on demand."""

import subprocess
import sys
from pathlib import Path
from typing import Final

PEERS: Final = Path(__file__).parent / "peers"
PLACE: Final = Path(".mains")


def python_with(locked: str, *, place: str) -> Path:
    """Return an interpreter that has what a lock file under bench/peers names."""
    python = (PLACE / place / "bin" / "python").absolute()
    if not python.exists():
        print("making the peers' environment, once")
        subprocess.run([sys.executable, "-m", "venv", "--clear", PLACE / place], check=True)
        install = [str(python), "-m", "pip", "install", "-qq", "--no-deps", "--require-hashes"]
        subprocess.run([*install, "-r", str(PEERS / locked)], check=True)
    return python

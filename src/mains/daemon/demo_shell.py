"""What the scenes of the demonstration share: a shell that types commands, and what is said."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(".mains/demo")
EXAMPLES: Final = Path("examples")


@dataclass(frozen=True, slots=True)
class Shell:
    """Types commands as a user would, in an installation of its own."""

    environment: dict[str, str]

    def type(self, *arguments: str, code: int = 0) -> str:
        """Print a command and what it answers while it runs; return the answer."""
        print(f"\n$ mains {shlex.join(arguments)}", flush=True)
        process = subprocess.Popen(
            self._command(arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=self.environment,
        )
        assert process.stdout is not None
        parts = []
        while part := os.read(process.stdout.fileno(), 65_536):
            text = part.decode("utf-8", "replace")
            parts.append(text)
            print(text, end="", flush=True)
        found = process.wait()
        assert found == code, f"mains {shlex.join(arguments)} ended with {found}, not {code}"
        return "".join(parts)

    def ask(self, *arguments: str) -> Any:  # noqa: ANN401
        """Return a command's JSON answer, unseen."""
        done = subprocess.run(
            self._command((*arguments, "--json")),
            capture_output=True,
            env=self.environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "mains.cli.main", *arguments]


def say(text: str) -> None:
    print(f"\n--- {text}", flush=True)

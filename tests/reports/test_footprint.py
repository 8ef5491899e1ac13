"""What the API's process loads: readers and extractors stay in the processes that read."""

import subprocess
import sys

HEAVY = ("lingua", "trafilatura", "lxml", "pypdf", "mains.reports.documents")


def test_the_api_loads_no_extractor_and_no_reader() -> None:
    code = f"import sys, mains.daemon.api; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr

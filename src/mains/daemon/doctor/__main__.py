"""The doctor's table: one line a check, and what to do next under each that is not well."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from mains.daemon.doctor.looking import look
from mains.daemon.doctor.rules import Finding, State
from mains.errors import MainsError
from mains.settings import Settings

UNWELL_EXIT_CODE: Final = 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="mains doctor")
    parser.add_argument("--audit", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        settings = Settings.from_environment()
    except MainsError as error:
        findings = [Finding("settings", State.FAIL, error.detail, error.hint)]
    else:
        findings = [Finding("settings", State.OK, f"home {settings.home}")]
        findings += look(settings, audit=asked.audit, public_url=asked.url)
    if asked.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        print("\n".join(table(findings)))
    if any(finding.state is State.FAIL for finding in findings):
        sys.exit(UNWELL_EXIT_CODE)


def table(findings: Sequence[Finding]) -> list[str]:
    """Return aligned lines: state, check, and what was seen."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<4}  {finding.check:<{width}}  {finding.said}")
        if finding.next:
            lines.append(f"{'':<4}  {'':<{width}}  next: {finding.next}")
    return lines


if __name__ == "__main__":
    main()

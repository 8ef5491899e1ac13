"""Run by tests as some user: start, say where, wait for the end of standard input, stop."""

import json
import sys

from mains.db import embedded
from mains.errors import MainsError
from mains.settings import Settings


def main() -> int:
    settings = Settings.from_environment()
    try:
        server = embedded.start(settings, durable="--durable" in sys.argv)
    except MainsError as error:
        print(json.dumps({"code": error.code, "detail": error.detail, "hint": error.hint}))
        return 1
    facts = {
        "app_url": server.endpoints.app_url,
        "superuser_url": server.superuser_url,
        "postgres_process": server.postgres_process,
        "commons": str(settings.commons),
    }
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

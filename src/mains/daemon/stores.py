"""Where contents are kept: what jobs bring and leave, and documents, which have no retention."""

from mains.blobs import Store
from mains.settings import Settings


def jobs(settings: Settings) -> Store:
    """Return the store of bundles and artefacts."""
    return Store.open(settings.blobs_url or settings.home / "blobs")


def documents(settings: Settings) -> Store:
    """Return the store of reports."""
    url = settings.blobs_url
    return Store.open(f"{url.rstrip('/')}/reports" if url else settings.home / "reports")

"""Content by its hash: a store for bundles, artefacts and logs, and the archives of code."""

from mains.blobs.store import Store, Stored

__all__ = ["Store", "Stored"]

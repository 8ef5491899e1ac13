"""Content by its hash: a store for bundles, artefacts and logs, and the archives of code."""

from mains.blobs.store import Store, Stored, local_faults

__all__ = ["Store", "Stored", "local_faults"]

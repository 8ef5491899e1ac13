"""Content by its hash: a store for bundles, artefacts and logs, and the archives of code."""

from mains.blobs.store import Named, Store, Stored, local_faults

__all__ = ["Named", "Store", "Stored", "local_faults"]

"""Jobs: submission, placement, the agents' door, receipts and artefacts."""

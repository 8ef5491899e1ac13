"""Published reports become claims; claims stand beside live figures, or become drafts."""

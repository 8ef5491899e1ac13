"""A model may propose what the deterministic reader could not bind; it never decides."""

"""What keeps the house in order: checks, lock, reference; no part of the product."""

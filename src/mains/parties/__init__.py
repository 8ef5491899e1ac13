"""Organisations, people, roles and keys: who is calling, and what they may do."""

"""Drafts: what reports say of a programme, a model, a need or a round, and what they leave open."""

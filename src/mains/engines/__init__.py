"""Engines: how one kind of machine or scheduler runs a start order."""

"""Runs work on one machine: an engine for the agent, and a supervisor per run that outlives it.

Everything but `engine` and what it alone imports is free of third-party packages, because the
supervisor must start fast and stay small.
"""

"""Runs at a site: dials out, drives one engine, remembers nothing that the engine knows."""

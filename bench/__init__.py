"""Benchmarks: `make bench`. Each prints its set-up, its spread and what bounds it."""

"""Attacks on mains that take long: campaigns in eight shares, each with a seed that repeats it."""

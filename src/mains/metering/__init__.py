"""Signed cumulative usage, priced and captured; knows draws on holds, but no jobs and no calls."""

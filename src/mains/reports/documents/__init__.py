"""Bytes become documents: one text, its blocks, and what is known of each."""

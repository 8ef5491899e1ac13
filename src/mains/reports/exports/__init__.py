"""Claims as text that other programs read: CSV, JSON-LD, SDMX-CSV and Atom; values in, text out."""

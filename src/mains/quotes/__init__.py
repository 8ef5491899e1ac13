"""Quotes: offers x programmes' rules x ledger room -> price, payers, ceiling, start, reasons."""

"""Accounts with limits, holds over payers and caps, draws, captures, entries, audit."""

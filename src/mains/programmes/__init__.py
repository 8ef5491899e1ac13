"""Programmes of public money: their rules as versioned data, and the vouchers under them."""

"""What the whole keeps from whom."""

"""What runs: `up`, the API, the dispatcher, agents; wiring lives here alone."""

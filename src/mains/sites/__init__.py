"""Sites, their pools, offers and prices, and the agents that may speak for them."""

"""Documents become claims: pure rules over language packs, without a model or a network."""

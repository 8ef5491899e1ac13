"""How claims relate: edges between them, and the current view of a measure, with reasons."""

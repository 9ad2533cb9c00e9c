"""Examples: where they come from, in two parts, and how a model sees them."""

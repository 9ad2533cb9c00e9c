"""Networks: where they come from, their weights, and the zoo."""

"""One pair of networks made ready, and all its cells fitted: sides, planted senders, representations, pool, grid, checks."""

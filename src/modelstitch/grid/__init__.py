"""One pair of networks made ready: sides, plants, representations, cells, checks, stitched networks."""

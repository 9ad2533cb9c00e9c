"""Cases whose truth is known by construction, and what the verdict makes of them."""

"""Candidates: which cells are worth reusing, what they cost, how many labels they need."""

"""Weights files: what they hold, which of it is a network's, and loading it completely or not at all."""

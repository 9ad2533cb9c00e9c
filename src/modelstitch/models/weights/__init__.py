"""Weights files: what they hold, which of it belongs to a network, and loading it completely or not at all."""

"""Runs: prepare, estimate, carry out, store and read again."""

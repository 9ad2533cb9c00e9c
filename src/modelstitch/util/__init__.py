"""Atomic files, progress callbacks, and reading names as users type them."""

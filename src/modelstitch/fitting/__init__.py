"""Fit a stitch: the coordinates it is fitted in, and the optimiser."""

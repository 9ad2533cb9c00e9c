"""Stages: how far a candidate is on the road from a verdict to a model in use, by its ledger."""

"""Verify: what a run or a candidate says, checked again by somebody else."""

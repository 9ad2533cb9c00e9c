"""Rivals: what else one could do with the same images, labels and cost."""

"""Folder: the file that carries a candidate, and what it says about itself."""

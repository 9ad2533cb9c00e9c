"""Pilot: a candidate beside an original on new inputs, with an answer that holds whenever one looks."""

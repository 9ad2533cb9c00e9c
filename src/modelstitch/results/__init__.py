"""The labelled outcome: rows, verdicts from rows, sentences, tables and plots."""

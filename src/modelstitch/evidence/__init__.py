"""What is measured about a cell beside its score, and the verdict that it allows."""

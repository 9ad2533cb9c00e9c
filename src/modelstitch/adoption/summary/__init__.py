"""What the page is told of an exported candidate: its record and what comes next, as plain values."""

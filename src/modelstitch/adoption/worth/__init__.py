"""Worth: chains of parts, money, and how good the short cuts are."""

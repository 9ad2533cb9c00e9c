"""What every room may use: atomic files, progress callbacks, importing by name."""

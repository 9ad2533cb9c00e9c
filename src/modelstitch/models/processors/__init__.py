"""Views from the image processors and feature extractors of transformers."""

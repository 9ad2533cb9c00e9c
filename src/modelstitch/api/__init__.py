"""The verbs, each in one of these files; users find them in ``modelstitch``."""

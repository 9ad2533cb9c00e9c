"""From a verdict to a model in use: candidates, what they cost, and the file that carries one."""

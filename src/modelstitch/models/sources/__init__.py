"""One file for each source of models; `table.py` lists them."""

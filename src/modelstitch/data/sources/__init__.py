"""One file for each source of data; `table.py` lists them."""

# make demo   sets everything up and runs the main job
# make test   sets everything up and runs all tests, lint, format check and type check
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test browser docs format clean

demo: $(VENV)/.ready
	$(BIN)/modelstitch demo

test: $(VENV)/.ready-dev browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto

# The tests look at the report in Chromium: taken where it lies, installed where that can be done, asked for otherwise.
browser:
	@tools/browser.sh

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "modelstitch needs Python 3.11 or newer, got %s; set PYTHON=..." % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	# Real speech for a test lies in this package; it is not imported, so what it needs itself is left out.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps aeon
	@touch $@

docs: $(VENV)/.ready-docs
	$(BIN)/mkdocs build --strict --quiet
	@echo build/site/index.html

$(VENV)/.ready-docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache

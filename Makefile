# make demo       set everything up and run the main job
# make test       set everything up and run all tests, lint, format check and type check
#                 (NO_BROWSER=1 make test leaves out the tests of the report in a browser)
# make coverage   run the tests and fail below the floor of pyproject.toml
# make docs       build the documentation as a site
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Tests that need a browser are left out by choice alone: a missing browser fails.
CHOSEN := $(if $(NO_BROWSER),-m "not browser",)

.PHONY: demo test coverage browser docs format clean

demo: $(VENV)/.ready
	$(BIN)/modelstitch demo

# Types are checked on one core, beside the first tests: both must hold.
test: $(VENV)/.ready-dev browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(BIN)/mypy & types=$$!; \
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal $(CHOSEN); tests=$$?; \
	wait $$types && exit $$tests

coverage: $(VENV)/.ready-dev browser
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal $(CHOSEN) --cov --cov-report=term:skip-covered --cov-report=xml:build/coverage.xml

# The tests open the report in Chromium: the installed one, or one that this step installs, or an error that says how.
browser:
	@$(if $(NO_BROWSER),echo "NO_BROWSER is set: the tests of the report in a browser are left out",tools/browser.sh)

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
	$(BIN)/zensical build --strict
	@echo build/site/index.html

$(VENV)/.ready-docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .cache .mypy_cache .pytest_cache .ruff_cache

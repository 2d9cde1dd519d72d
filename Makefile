# Everything that a fresh machine needs is set up by the targets themselves, in .venv; PYTHON chooses the interpreter.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test bench faults lint docs clean

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(firstword $(MAKEFILE_LIST))

demo: .venv/dev ## fly a month of flights, kill processes on the way, compare every tally; report in build/demo.json
	@mkdir -p build
	$(BIN)/cutpoint demo --report build/demo.json

test: lint .venv/browser ## lint, then every test; a browser is installed for those that need one
	$(BIN)/python -m pytest -n 2 --dist loadfile

faults: .venv/dev ## kill and stop coordinators at every stage of a cut, and etcd beside it; prints the matrix, 15 minutes
	$(BIN)/python -m tests.faults

lint: .venv/dev ## ruff, mypy --strict, and the floors that imports may not climb
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev ## measure side by side, as ratios; results in build/benchmarks.json
	$(BIN)/python -m pytest tests/benchmarks

docs: .venv/docs ## the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

clean: ## remove what the other targets made
	rm -rf .venv build dist

.venv/dev: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@

# Without a browser the tests that need one fail in CI, and are left out elsewhere, loudly: tests/browser/conftest.py.
.venv/browser: .venv/dev
	@! $(BIN)/python -m tests.browser.finding || touch $@

.venv/docs: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[docs]'
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Cutpoint needs Python 3.11 or newer, and '$(PYTHON)' is not that: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

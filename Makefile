# The same commands for people and for CI. The first one called makes .venv from the locks, with hashes.
.DEFAULT_GOAL := help
.PHONY: help demo test check format bench lock clean deb agent-matrix
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/run.done ## a living district in a minute; ARGS="--duration 60 --summary out.json" ends by itself
	@exec $(BIN)/schoolpulse demo $(ARGS)

test: $(VENV)/dev.done ## all tests; ARGS="tests/agent -k spool" runs some
	$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile --ignore=tests/e2e)
	$(if $(ARGS),,$(BIN)/python -m pytest -n 2 --dist loadfile tests/e2e)

check: $(VENV)/dev.done ## formatter, linter, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests

format: $(VENV)/dev.done ## format and sort, mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.done ## benchmarks, a JSON line a figure; ARGS="ingest" runs only that one
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

agent-matrix: $(VENV)/dev.done ## the agent's suite on every Python and paho-mqtt here; ARGS="--python 3.9"
	$(BIN)/python tests/agent_matrix.py $(ARGS)

deb: ## the agent's Debian package, into dist/
	@$(PYTHON) deploy/agent-debian/build.py dist

lock: $(VENV)/dev.done ## pin every dependency anew, with hashes
	$(PIP) install uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--upgrade --extra embedded pyproject.toml requirements/build.in -o requirements/run.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--upgrade --extra embedded --extra dev pyproject.toml requirements/build.in -c requirements/run.lock -o requirements/dev.lock

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("SchoolPulse needs Python 3.11 or newer; say make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/run.done: pyproject.toml requirements/run.lock | $(VENV)/bin/python
	@echo "Setting up $(VENV) (once; a minute with downloads) ..." >&2
	@$(PIP) install --require-hashes -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.done: pyproject.toml requirements/dev.lock | $(VENV)/bin/python
	@echo "Setting up $(VENV) with the developers' tools (once) ..." >&2
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.done

# make help lists the targets. Everything happens in .venv, which is made on first use and again when pyproject.toml changes.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
TESTS ?=

export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

heading = @printf '\n== %s\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help test test-slow userland demo format lint types layers pytest install clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

test: lint types layers pytest  ## all checks: format, lint, types, import layers, tests
	$(call heading,all checks passed)

test-slow: $(VENV)/.dev  ## the tests marked slow, which take minutes
	$(call heading,slow tests)
	$(BIN)/python -m pytest -m slow $(TESTS)

userland: $(VENV)/.dev  ## fetch what the tests need to run the device daemon on emulated ARM boards
	$(BIN)/python -m tests.fleet.userland

demo: $(VENV)/.demo  ## tune, compile and run a real model, side by side with onnxruntime
	$(BIN)/python -m examples.demo

format: $(VENV)/.dev  ## rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.dev  ## check format and style
	$(call heading,format)
	$(BIN)/ruff format --check .
	$(call heading,lint)
	$(BIN)/ruff check .

types: $(VENV)/.dev  ## mypy, strict
	$(call heading,types)
	$(BIN)/mypy
	$(if $(wildcard examples/*.py),$(BIN)/mypy --package examples)
	$(if $(wildcard notebooks/*.py),$(BIN)/mypy $(wildcard notebooks/*.py))

layers: $(VENV)/.dev  ## who may import whom
	$(call heading,import layers)
	$(BIN)/lint-imports --no-logo

pytest: $(VENV)/.dev  ## the tests; TESTS=tests/compiler/te runs a part, WORKERS=1 runs them in one process
	$(call heading,tests)
	$(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

install: $(VENV)/.dev  ## make .venv with the development tools

clean:  ## remove .venv, caches and build products
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache demo-output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: give another with make PYTHON=/path/to/python (3.11 or newer)"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, found " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

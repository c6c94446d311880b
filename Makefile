# The commands of a clone. `make demo` and `make test` need Python 3.11, git and make; they bring everything else.
PYTHON ?= python3
export PYTHON
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup browser browsers demo test lint types bench bench-peers clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: ## make .venv with carga and its development tools
	@scripts/setup.sh

browser: setup ## find or install Chromium
	@$(BIN)/carga browsers install --yes

browsers: setup ## find or install the browsers of all engines
	@$(BIN)/carga browsers install all --yes

demo: browser ## load the bundled application with real browsers for about a minute
	@$(BIN)/carga demo

test: browsers ## run all tests, first those that may share the machine
	@$(BIN)/python -m pytest -m "not quiet" --numprocesses 4 --dist loadfile
	@$(BIN)/python -m pytest -m quiet

lint: setup ## check format, style and layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: setup ## check types
	@$(BIN)/mypy

bench: browser ## measure, and write benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

bench-peers: browser ## measure carga beside other tools, which it installs (options: PEERS="--tools k6")
	@$(BIN)/python -m benchmarks.peers $(PEERS)

clean: ## remove what the commands above made, results of runs too
	rm -rf .venv carga-results .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

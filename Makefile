# Footsteps: `make run` for a demo night, `make test` for everything that CI checks.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_ROOT ?= .footsteps/demo
SHARED_RUST := $(wildcard ../shared/data/rust)
SHARED_DATA := $(wildcard ../shared/data)
# Bytecode is compiled once at set-up: without it every import of Dagster and Great Expectations costs seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test lint types architecture tests up bench lock clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## create .venv and install the locked dependencies and the project

$(STAMP): requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q pipelines ml assets
	@touch $(STAMP)

run: setup ## write a demo company's exports, run the whole night, show three people
	@$(BIN)/footsteps demo --data-root $(DEMO_ROOT)
	@$(BIN)/footsteps run --data-root $(DEMO_ROOT)
	@$(BIN)/footsteps tables --data-root $(DEMO_ROOT)
	@$(BIN)/footsteps show --data-root $(DEMO_ROOT) --sample 3

up: setup ## open the Dagster UI on the demo
	@$(BIN)/footsteps up --data-root $(DEMO_ROOT)

test: setup lint types architecture tests ## lint, types, architecture and tests: what CI runs

lint: setup
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

architecture: setup
	$(BIN)/lint-imports --no-cache

tests: setup
	FOOTSTEPS_TEST_RUST="$(abspath $(SHARED_RUST))" FOOTSTEPS_TEST_SHARED="$(abspath $(SHARED_DATA))" $(BIN)/python -m pytest -n 2

lock: ## compile requirements.txt from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --extra dev --generate-hashes --no-strip-extras --custom-compile-command 'make lock' pyproject.toml -o requirements.txt

clean: ## remove the demo's data (never your own data root)
	rm -rf $(DEMO_ROOT)

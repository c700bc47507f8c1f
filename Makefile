# Footsteps: `make run` runs the pipeline on a demo company, `make test` is everything that CI checks.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_ROOT ?= .footsteps/demo
# Its dependencies conflict with ours, so that it has an environment of its own.
DATACONTRACT := datacontract-cli[duckdb]==1.2.8
SHARED_RUST := $(wildcard ../shared/data/rust)
SHARED_DATA := $(wildcard ../shared/data)
# Bytecode is compiled once at set-up, on all cores: without it every import of Dagster and Great Expectations costs seconds.
# The tests that libraries install with themselves are left out: they are a fifth of all code, and nothing imports them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test test-long services lint types architecture tests contracts up wheel lock locktools sbom audit clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## create .venv and install the locked dependencies of development and the project

$(STAMP): requirements-dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib pipelines ml assets
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

# Tests of pages, of the UI and of PostgreSQL use Debian's own; without the right to install them they say why they skip.
services:
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  missing=""; \
	  command -v chromium >/dev/null || missing="$$missing chromium"; \
	  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$$missing postgresql"; \
	  if [ -n "$$missing" ]; then \
	    echo "installing$$missing"; \
	    (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing) >/dev/null 2>&1 \
	      || echo "could not install$$missing: their tests will be skipped"; \
	  fi; \
	fi

tests: setup services
	FOOTSTEPS_TEST_RUST="$(abspath $(SHARED_RUST))" FOOTSTEPS_TEST_SHARED="$(abspath $(SHARED_DATA))" $(BIN)/python -m pytest -n 2 --dist worksteal -m "not long"

test-long: setup ## the simulated week, the installed package, the operator's manual, an erasure between whole runs, properties with many examples
	FOOTSTEPS_TEST_EXAMPLES=thorough $(BIN)/python -m pytest -n 2 --dist worksteal -m "long or many_examples"

contracts: setup ## test the contracts of the demo's current snapshot against its Parquet files with datacontract-cli
	@test -f $(DEMO_ROOT)/published/CURRENT || $(MAKE) --no-print-directory run
	@test -x $(VENV)/datacontract/bin/datacontract || { $(PYTHON) -m venv $(VENV)/datacontract \
	  && $(VENV)/datacontract/bin/pip install --quiet --disable-pip-version-check "$(DATACONTRACT)"; }
	@tool="$(abspath $(VENV))/datacontract/bin/datacontract"; cd $(DEMO_ROOT)/published; \
	snapshot="$$(sed -n 's/.*"manifest": "\(.*\)\/manifest.json".*/\1/p' CURRENT)"; failed=0; \
	for contract in "$$snapshot"/contracts/*.odcs.yaml; do \
	  if report="$$("$$tool" test "$$contract" --server parquet 2>&1)"; then echo "passed  $$contract"; \
	  else echo "FAILED  $$contract"; echo "$$report"; failed=1; fi; \
	done; exit $$failed

wheel: setup ## build dist/*.whl, install it with the lock of running into an empty environment and run it there
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir dist .
	FOOTSTEPS_TEST_LOCK=requirements.txt $(BIN)/python -m pytest tests/integration/test_installed.py

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --custom-compile-command 'make lock' pyproject.toml

lock: ## compile requirements.txt (running) and requirements-dev.txt (development) from pyproject.toml; needs uv
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt

# Tools that read the lock of running have environments and locks of their own, so that they add nothing to it.
TOOLS := .footsteps/tools

$(TOOLS)/%/.installed: .ci/%.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

sbom: $(TOOLS)/sbom/.installed ## write .footsteps/sbom.cdx.json: what runs, as a CycloneDX bill of materials
	@$(TOOLS)/sbom/bin/python -W ignore::UserWarning -m cyclonedx_py requirements requirements.txt \
	  --pyproject pyproject.toml --output-reproducible --output-file .footsteps/sbom.cdx.json
	@echo "wrote .footsteps/sbom.cdx.json"

audit: $(TOOLS)/audit/.installed ## audit what runs for known vulnerabilities (asks PyPI, or the service of OSV_URL)
	@$(TOOLS)/audit/bin/python .ci/audit.py requirements.txt $(OSV_URL)

COMPILE_TOOL := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make locktools' -

locktools: ## compile the locks of the tools in .ci (needs uv)
	echo 'cyclonedx-bom>=7.5,<8' | $(COMPILE_TOOL) --output-file .ci/sbom.txt
	echo 'pip-audit>=2.10,<3' | $(COMPILE_TOOL) --output-file .ci/audit.txt

clean: ## remove the demo's data (never your own data root)
	rm -rf $(DEMO_ROOT)

# What a developer types. `make` alone lists it; docs/development.md tells more.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# the tests start some hundred processes: where byte code may not be kept, each would compile the project and its dependencies anew, a second or two
unexport PYTHONDONTWRITEBYTECODE

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mm-rebuild
UV_VERSION := $(shell sed -n 's/^UV = "\(.*\)"/\1/p' tests/cluster/clusterkit/versions.py)
PYTHON_TOOLS := $(CACHE)/tools/python-tools-$(UV_VERSION)
UV := $(PYTHON_TOOLS)/bin/uv
BIN := .venv/bin
# sources with the compiled kernel over them: what PYTHONPATH names first
COMPILED := $(CURDIR)/build/compiled
PYTEST := $(BIN)/pytest -q
# what computes all the time gets one process for each
CORES := $(shell nproc)
# test processes: three for each core of the smallest machine that we care for, since most of the time is spent waiting for real processes
WORKERS ?= 6
# those that wait for processes first: small ones fill the gaps at the end
NO_CLUSTER := tests/integration tests/conformance tests/unit
# in processes of their own: what a simulated trader logs is part of its story, and other tests configure the log; all of it is computing
SIMULATED := $(PYTEST) -n $(CORES) tests/simulation tests/fuzz
# scenarios at once: they wait for most of their time
SCENARIOS ?= 3
# tables of Unicode that each test process would make for itself, and examples that have failed
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/hypothesis
# of `make fuzz`, for each target; which ones, none for all
SECONDS ?= 600
TARGETS ?=
# passed through to the demo: MARKET=calm|toxic
MARKET ?=
export MARKET

.PHONY: help setup compiled lock lint generate test test-unit coverage test-e2e demo trader simulate fuzz mutation defences bench cluster cluster-down image image-simulator clean

help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# --- the development environment ------------------------------------------------------------------
setup: .venv/.ready ## make .venv with the locked dependencies and the project, and a redis-server and a chromium for the tests
	@tests/cluster/redis-server-here
	@tests/cluster/chromium-here

.venv/.ready: locks/dev.txt pyproject.toml | $(UV)
	@echo "making .venv from locks/dev.txt"
	@[ -x $(BIN)/python ] || $(UV) venv --quiet --python $(PYTHON_TOOLS)/bin/python .venv
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --require-hashes -r locks/dev.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --editable .
	@touch $@

$(UV):
	@echo "making $(PYTHON_TOOLS): pip and uv $(UV_VERSION)"
	@tests/cluster/python-tools $(PYTHON_TOOLS)

compiled: setup ## the kernel as machine code beside its sources, in build/compiled: what the image holds and benches run
	@tests/cluster/compiler-here $(BIN)/python
	@$(BIN)/python trader/compile_kernel.py --tree $(COMPILED) >/dev/null

lock: | $(UV) ## resolve the dependencies of pyproject.toml anew into locks/
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --upgrade pyproject.toml -o locks/run.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --constraints locks/run.txt --group dev pyproject.toml -o locks/dev.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --constraints locks/run.txt --group simulator -o locks/simulator.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --constraints locks/dev.txt --group compile -o locks/compile.txt

# --- checks ---------------------------------------------------------------------------------------
lint: setup ## style, types, import contracts, and that what is generated is up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --cache-dir $(CACHE)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m mm_api.generate --check

generate: setup ## write the CRDs and the reference pages from the models
	$(BIN)/python -m mm_api.generate

SEEDS ?= 1000
simulate: compiled ## the deterministic simulation, SEEDS of it; a failing one prints its story and how to run it again
	@PYTHONPATH=$(COMPILED) $(BIN)/python tests/simulation/simulate.py --seeds $(SEEDS) --workers $(CORES)

mutation: setup | $(UV) ## mutation testing of orders/ and risk/ (some twenty minutes on two cores; goes on where it was interrupted)
	@$(BIN)/python tests/mutation/run.py --uv $(UV) --workers $(CORES) $(if $(ONLY),--only $(ONLY)) $(ARGS)

defences: setup ## break each line that docs/seen-elsewhere.md, formulas.md and failures.md rest on, and see its tests fail (some ten minutes; ARGS="--only cancel")
	@$(BIN)/python tests/defences/run.py --workers $(CORES) $(ARGS)

test: setup ## everything: lint, unit, integration, conformance, and end to end on a real cluster
	@tests/cluster/test-all

test-unit: compiled ## tests that need no cluster
	$(SIMULATED)
	$(PYTEST) -n $(WORKERS) --dist worksteal $(NO_CLUSTER)

coverage: compiled ## the same, and each package held to its share of lines that tests run (twice the processor time)
	@mkdir -p build/coverage
	$(SIMULATED)
	$(PYTEST) -n $(WORKERS) --dist worksteal --cov --cov-report= $(NO_CLUSTER)
	@$(BIN)/coverage json --quiet && $(BIN)/python tests/coverage/check.py build/coverage/report.json

test-e2e: setup ## end-to-end tests, on the cluster that `make cluster` brings up
	@tests/cluster/with $(PYTEST) -n $(SCENARIOS) --maxschedchunk 1 tests/e2e

# --- seeing it work -------------------------------------------------------------------------------
demo: setup ## three stages, a risk alert, an acknowledgement, on a real cluster (MARKET=toxic: a gate fails)
	@tests/cluster/with $(BIN)/python configs/demo/demo.py

trader: setup ## one trader against the embedded simulator, in the terminal; no cluster
	@$(BIN)/mm-trader demo

fuzz: setup ## the parsers under atheris, SECONDS=600 each (TARGETS="spot_calls admin": those alone)
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS) $(TARGETS)

bench: setup ## the figures of docs/benchmarks.md
	$(BIN)/python tests/bench/run.py

# --- the cluster ----------------------------------------------------------------------------------
cluster: setup ## bring a cluster up (CLUSTER=current: use yours; NODES=3: three nodes)
	@$(BIN)/python tests/cluster/up

cluster-down: ## end the cluster that was started here, and nothing else
	@$(or $(wildcard $(BIN)/python),python3) tests/cluster/down

image: cluster ## build the image and load it into the cluster
	@$(BIN)/python tests/cluster/image

image-simulator: cluster ## build the simulator's own image (about half the size) and print its name
	@$(BIN)/python tests/cluster/image simulator

clean: ## remove what was built in the checkout (not .venv, not the cache outside)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

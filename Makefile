# Plain `make` lists the targets. PYTHON chooses the interpreter the virtual environment is made with.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PYTHON

DEMO        ?= examples/adventure.yaml
PYTEST_ARGS ?=
BENCH_ARGS  ?=
SECONDS     ?= 60
TARGET      ?=
SEEDS       ?= 100
FROM        ?= 0
SIMULATE_ARGS ?=
MINUTES     ?= 60
SOAK_ARGS   ?=

.PHONY: help demo test check lint types deadcode programs unit fuzz simulate soak bench lock wheel-test clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/run.stamp  ## run a text game, one world for each connection, on this machine alone (DEMO=FILE for another example)
	@$(BIN)/twistd --nodaemon --pidfile= isoproxy --local $(DEMO)

test: check unit  ## lint, types, dead code, then every test this machine can run, with coverage

check: lint types deadcode  ## lint, types and dead code only

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

deadcode: $(VENV)/dev.stamp
	@$(BIN)/vulture

programs: $(VENV)/dev.stamp  ## build Kubernetes and images for the tests ahead, into ~/.cache/isoproxy (once, 20 minutes)
	@$(BIN)/python -m test.cluster build

unit: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest --cov $(PYTEST_ARGS)

simulate: $(VENV)/dev.stamp  ## run the whole system on simulated time, with faults (SEEDS=100, the first of them FROM=0)
	@$(BIN)/python -m test.simulation --seeds $(SEEDS) --from $(FROM) $(SIMULATE_ARGS)

fuzz: $(VENV)/dev.stamp  ## look for input that breaks something (SECONDS=60 for each TARGET=documents; all, if none is named)
	@$(BIN)/python -m test.fuzz --seconds $(SECONDS) $(TARGET)

soak: $(VENV)/dev.stamp  ## load and faults on a real API server, as root (MINUTES=60; SOAK_ARGS=--seed=1 for the faults of another run)
	@$(BIN)/python -m test.soak --minutes $(MINUTES) $(SOAK_ARGS)

bench: $(VENV)/dev.stamp  ## measure beside HAProxy, nginx and a real API server on this machine (BENCH_ARGS=--quick for a short run)
	@$(BIN)/python -m bench $(BENCH_ARGS)

lock:  ## pin what setup.py asks for (LOCK_ARGS=--upgrade for the newest releases)
	@tools/lock $(LOCK_ARGS)

wheel-test:  ## build the wheel, install it into an empty venv, pass one connection through it
	@tools/wheel-test

clean:  ## remove everything the other targets made
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache twistd.pid

# The stamps are newer than the lock while the venv holds what the lock says, so that a second call starts at once.
$(VENV)/run.stamp: requirements/lock.txt setup.py tools/venv
	@tools/venv $(VENV) $<
	@touch $@

$(VENV)/dev.stamp: requirements/lock-dev.txt setup.py tools/venv
	@tools/venv $(VENV) $<
	@touch $@

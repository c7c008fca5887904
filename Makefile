# Everything is done from here. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Other people's programs, which tests run against ours; each in an environment of its own.
CLIENTS := singer-clients tap-jsonl schemathesis
CLIENTS_READY := .cache/clients/.ready
REQUIREMENTS := requirements.txt requirements-embedded.txt requirements-dev.txt
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --quiet --upgrade
# `make test` runs two lanes of tests next to each other (tests/lanes.py): one process for whole
# systems and the browser, two for the rest, so that both lanes take the same time on two cores. The
# other test targets use as many processes as this; tests that share what they started stay together.
TEST_WORKERS ?= 3
# How many times crash, race and fuzz loops run (small or full).
PUSHGATE_TEST_ROUNDS ?= small
export PUSHGATE_TEST_ROUNDS
# Hundreds of short processes are started; without what Python compiled, each takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test test-system test-data test-more soak demo check bench lock format \
	compose-up test-compose test-containers test-oldest

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) $(CLIENTS_READY) ## make .venv and all else (the other targets do it themselves)
	@echo "Ready: $(BIN)/pushgate"

run: $(READY) ## serve everything on this machine, with an embedded Postgres, data in .pushgate/
	@$(BIN)/pushgate up --quickstart

test: $(READY) $(CLIENTS_READY) ## the tests, in two lanes, loops at a small count
	@$(MAKE) --no-print-directory --keep-going --output-sync=target -j 2 test-system test-data

test-system: $(READY) $(CLIENTS_READY)
	PUSHGATE_TEST_LANE=system $(BIN)/pytest -q -n 1

test-data: $(READY) $(CLIENTS_READY)
	PUSHGATE_TEST_LANE=data $(BIN)/pytest -q -n 2 --dist worksteal

test-more: $(READY) $(CLIENTS_READY) ## what takes long: kills, foreign clients, generated requests, old data
	PUSHGATE_TEST_LANE=more $(BIN)/pytest -q -n $(TEST_WORKERS) --dist worksteal

soak: $(READY) $(CLIENTS_READY) ## every test, loops at their full counts (an hour or so)
	PUSHGATE_TEST_ROUNDS=full $(BIN)/pytest -n $(TEST_WORKERS) --dist worksteal -o timeout=3600

demo: $(READY) ## an end-to-end demo on real data in a temporary installation, checked
	@$(BIN)/python -m demo

check: $(READY) ## format, lint, imports, types, house rules, all tests, then the compose file
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/house
	$(BIN)/mypy
	$(MAKE) test
	$(MAKE) test-more
	$(MAKE) test-compose

compose-up: ## build the image and run it with docker compose, secrets in .env (deploy/README.md)
	@deploy/compose-up

test-compose: $(READY) ## the compose file from nothing to gone, with kills, where an engine answers
	@$(BIN)/python -m tests.compose

test-containers: $(READY) ## the database tests on postgres:18 in a container
	@tests/database/in_container -n $(TEST_WORKERS)

test-oldest: $(READY) ## the database tests on PostgreSQL 15, where Debian's package is installed
	@tests/database/oldest -n $(TEST_WORKERS)

bench: $(READY) ## speed and memory as ratios against floors of the same run (ONLY=loader: a part)
	@$(BIN)/python -m bench $(ONLY)

format: $(READY) ## format, and apply the linter's fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: $(READY) ## choose the latest versions and write the hashed requirements files
	$(LOCK) deploy/requirements/build.in -o deploy/requirements/build.txt
	$(LOCK) deploy/requirements/programs.in -o requirements.txt
	$(LOCK) --no-deps deploy/requirements/embedded.in -o requirements-embedded.txt
	$(LOCK) -c requirements.txt -c deploy/requirements/build.txt \
		deploy/requirements/dev.in -o requirements-dev.txt
	$(LOCK) --no-deps deploy/requirements/demo.in -o deploy/requirements/demo.txt
	$(LOCK) --no-deps deploy/requirements/compose.in -o deploy/requirements/compose.txt
	$(LOCK) --override deploy/requirements/singer-clients-override.txt \
		deploy/requirements/singer-clients.in -o deploy/requirements/singer-clients.txt
	$(LOCK) deploy/requirements/tap-jsonl.in -o deploy/requirements/tap-jsonl.txt
	$(LOCK) deploy/requirements/schemathesis.in -o deploy/requirements/schemathesis.txt

# The stamp is newer than what it was made from, so a ready environment costs nothing.
$(READY): deploy/requirements/build.txt $(REQUIREMENTS) pyproject.toml client/pyproject.toml \
		deploy/make-venv
	@PYTHON="$(PYTHON)" deploy/make-venv .venv $(REQUIREMENTS)
	@touch $@

# Not made where something is missing: then the tests say why they skip, and it is tried again.
$(CLIENTS_READY): $(READY) deploy/make-clients $(CLIENTS:%=deploy/requirements/%.txt)
	@deploy/make-clients .cache/clients $(CLIENTS)

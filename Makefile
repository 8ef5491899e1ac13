# The only commands to remember. Every target sets up what it needs first; the second run is instant.
# PYTHON=python3.12 make test    uses another interpreter (3.11 or newer) for a fresh .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
TESTS ?= tests
SHARE ?= 1/8
RULES = $(shell find src/mains -name rules.py | sort)
STORES = tests/ledger tests/metering tests/programmes tests/quotes tests/jobs tests/sites \
	tests/parties tests/db/test_database.py tests/db/test_migrations.py tests/db/test_queries.py \
	tests/db/test_upgrades.py tests/security \
	tests/reports/drafts tests/reports/test_library.py tests/reports/test_reviews.py
POSTGRES_15 = /usr/lib/postgresql/15/bin/initdb
PYTEST = $(BIN)/python -m pytest -p tests.no_skips -n $(WORKERS)

.PHONY: help setup demo up down test test-postgres-15 test-deep test-faults check bench bench-reports \
	docs lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-21s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from requirements.lock (all other targets do this themselves)
	@PYTHON="$(PYTHON)" tools/setup.sh

demo: setup ## start mains with two sites, run a real job, show its price, log and receipt, and audit
	@$(BIN)/python -m mains.daemon.demo

up: setup ## leave the demonstration network running and say what to type next
	@$(BIN)/mains up --demo --detach

down: setup ## end what `make up` started
	@$(BIN)/mains down

test: setup ## every test but the long-running ones, and full branch coverage of all rules
	@if [ -x $(POSTGRES_15) ] && [ "$(TESTS)" = tests ]; then $(MAKE) test-postgres-15; fi
	@rm -f .coverage .coverage.*
	@$(PYTEST) -m "not deep" --cov --cov-report= $(TESTS)
	@$(BIN)/python -m coverage report --show-missing --fail-under=100 $(RULES)

test-postgres-15: setup ## the tests of all stores on the Postgres 15 of Debian's package postgresql-15
	@POSTGRES=15 $(PYTEST) -m "not deep" $(STORES)

test-deep: setup ## the long-running tests alone
	@$(PYTEST) -m deep $(TESTS)

test-faults: setup ## attacks that take long, an eighth of them: SHARE=1/8 to 8/8, ONLY=campaign
	@$(BIN)/python -m faults --share $(SHARE) $(ONLY)

check: setup ## what is checked on every change: format, lint, types, imports, size, lock, docs, SQL
	@$(BIN)/python -m tools.check $(ONLY)

bench: setup ## measure, print a table, keep the figures in bench/results
	@$(BIN)/python -m bench $(ONLY)
	@$(BIN)/python -m tools.docs write >/dev/null

bench-reports: setup ## how right and how fast reports are read (REPORTS=folder adds texts with gold)
	@$(BIN)/python -m bench accuracy reports
	@$(BIN)/python -m tools.docs write >/dev/null

docs: setup ## write docs/reference from the code
	@$(BIN)/python -m tools.docs write

lock: setup ## write requirements.lock anew from pyproject.toml (UPGRADE=1 takes newer versions)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header $(if $(UPGRADE),--upgrade) \
		--group dev pyproject.toml --output-file requirements.lock
	@$(BIN)/python -m tools.lock

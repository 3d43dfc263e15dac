# Everything sets itself up: `make demo` and `make test` work on a fresh clone.
BIN := .venv/bin
ARGS ?=
BENCHMARKS := models edge capture endurance cameras passes conditions identification quality presentation plate_reading \
              faces plates thresholds store erasure latency

# Tests that want the machine to themselves: real brokers, streams, a browser, the whole of Anju. The others share it.
ALONE := demo or browser or integration

.DEFAULT_GOAL := help
.PHONY: help setup system-packages demo test lint types arrows bench check clean lock

help:
	@echo "make demo    all of Anju on this machine, with drawn cameras, in a browser (ARGS=\"--for 60 --report r.json\")"
	@echo "make test    the tests, with real brokers, databases, cameras and a browser (ARGS=\"tests/core -k ingest\")"
	@echo "make check   lint, types, arrows and tests: what CI runs"
	@echo "make bench   what each step costs, into benchmarks/README.md"
	@echo "make setup   only the set-up | make clean  remove what was made here"

setup:
	@scripts/setup.sh

system-packages:
	@scripts/system-packages.sh

demo: setup
	@$(BIN)/anju demo $(ARGS)

test: system-packages
	@scripts/setup.sh
ifeq ($(strip $(ARGS)),)
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadscope -m "not ($(ALONE))"
	@$(BIN)/python -m pytest -m "$(ALONE)"
else
	@$(BIN)/python -m pytest $(ARGS)
endif

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: setup
	@$(BIN)/mypy

arrows: setup
	@$(BIN)/lint-imports

check: lint types arrows test

bench:
	@scripts/setup.sh
	@$(BIN)/python -m models.training.plates.fonts  # what plate_reading draws with
	@for one in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$one $(ARGS) || exit 1; done
	@$(BIN)/python -m benchmarks.report

# After a change of dependencies. The lock names packages, versions and hashes, and no place to get them from.
lock: setup
	@$(BIN)/python -m uv pip compile pyproject.toml --extra postgres --extra plots --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock
	@npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund --silent

clean:
	@rm -rf .venv node_modules api/pages/static/vendor build dist var .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

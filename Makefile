# `make` alone lists the targets. Each sets up .venv first (seconds once it is there).
PYTHON ?= python3
PORT ?= 5000
PY := .venv/bin/python
unexport PYTHONDONTWRITEBYTECODE
MAKEFLAGS += --no-print-directory
find-python = command -v $(PYTHON) >/dev/null || { echo 'There is no $(PYTHON) here: install Python 3.11 or newer, or name one, as in `make run PYTHON=/opt/python/bin/python3`.' >&2; exit 1; }
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test demo check work db bench proof

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 @\2/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-14s %s\n", $$1, $$2 }'

setup:
	@$(find-python)
	@$(PYTHON) scripts/setup.py

setup-dev:
	@$(find-python)
	@$(PYTHON) scripts/setup.py --dev

run: setup ## site, worker and Stripe sandbox with demo data on http://127.0.0.1:5000 (PORT=5050 to move it); Ctrl-C stops all
	@PORT=$(PORT) exec $(PY) scripts/run.py

test: setup-dev ## everything: lint, types, contracts, migrations, the suite on SQLite and PostgreSQL, a real browser
	@exec $(PY) scripts/suite.py

demo: setup ## the story over HTTP against separate processes, then the ledger and Stripe side by side
	@exec $(PY) scripts/demo.py

check: setup-dev ## lint, types and import contracts alone
	@exec $(PY) scripts/suite.py --check

work: setup ## one more worker on the database of `make run`
	@exec $(PY) scripts/run.py --work

db: setup ## a new migration from the models: make db m="what changes"
	@exec $(PY) scripts/run.py --migration "$(m)"

bench: setup-dev ## the benchmarks; writes build/bench.json, fails if one misses its bar
	@CSV_ROWS=1000000 exec $(PY) benchmarks/run.py

proof: setup-dev ## the long reliability runs; writes docs/proof.json
	@exec $(PY) scripts/proof.py

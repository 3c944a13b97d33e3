# Commands of the house. `make` alone explains them.
PYTHON ?= python3
RUN := .venv/bin/python
DATA ?= .local

define environment
@command -v $(PYTHON) >/dev/null || { \
  echo "$(PYTHON) is not there. Install Python 3.11, 3.12 or 3.13, or name one: make $@ PYTHON=/path/to/python"; exit 1; }
@$(PYTHON) local/environment.py
endef

.DEFAULT_GOAL := help
.PHONY: help demo up down test faults faults-bite bench soak check lock clean \
  compose-secrets compose-demo compose-demo-down

help:
	@echo "make demo    the stories of the field on a stack of their own; ends by itself"
	@echo "make up      starts the embedded stack and leaves it running (data in .local; DATA=folder for another)"
	@echo "make down    stops it; the data stay"
	@echo "make test    all tests that this machine can run (TESTS='tests/intake -k word' for some)"
	@echo "make faults  breaks everything that can break and proves what must hold; under 45 minutes, on real servers too"
	@echo "             (FAULTS='-k word' for some; a complete run writes docs/faults.md)"
	@echo "make faults-bite   takes one safeguard at a time out of a copy; a test must fail and name the broken promise"
	@echo "make bench   measures the system, on real servers too where there are some; under ten minutes"
	@echo "             (BENCH='--quick --only embedded' is rough and takes two; BENCH=--help says more)"
	@echo "make soak    twenty minutes at 70 % of what this machine holds: does anything grow? (SOAK='--minutes 5 --on real')"
	@echo "make check   ruff and mypy"
	@echo "make lock    writes the locked requirements anew (needs uv)"
	@echo "make compose-secrets   once, before docker compose up: keys and logins (needs Docker alone)"
	@echo "make compose-demo      the stories on Kafka, four MongoDB stores and containers; ends by itself"
	@echo "                       (KEEP=1 leaves them running, make compose-demo-down stops them)"
	@echo "make clean   removes .venv and caches; never data"

demo:
	$(environment)
	@$(RUN) -m local.demo

up:
	$(environment)
	@$(RUN) -m local.up --detach --data $(DATA) --how-to-stop "make down" \
	  $(if $(PORT_BASE),--port-base $(PORT_BASE)) $(if $(BUSINESS_DATE),--business-date $(BUSINESS_DATE))

down:
	@test -x $(RUN) || { echo "Nothing is installed, so nothing runs."; exit 1; }
	@$(RUN) -m local.down --data $(DATA)

compose-secrets:
	@deploy/new-secrets

compose-demo:
	$(environment)
	@$(RUN) -m local.demo_containers $(if $(KEEP),--keep)

compose-demo-down:
	@$(RUN) -m local.demo_containers --down

test:
	$(environment) --dev
	@$(RUN) -m pytest -q $(TESTS)

faults:
	$(environment) --dev
	@$(RUN) -m pytest -v tests/faults -m "long or not long" $(or $(FAULTS),--faults-table docs/faults.md)

faults-bite:
	$(environment) --dev
	@$(RUN) -m tests.faults.bite

bench:
	$(environment) --dev
	@$(RUN) -m benchmarks $(BENCH)

soak:
	$(environment) --dev
	@$(RUN) -m benchmarks.soak $(SOAK)

check:
	$(environment) --dev
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

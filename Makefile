# A comment after the target is its line in `make help`.
.DEFAULT_GOAL := help
.PHONY: help demo test check fix lock bench soak clean

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) infra/deploy/bootstrap.py
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
PACKAGES := infra fhir video anonymise telemed
CODE := $(PACKAGES) tests

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## set up and show the product with made-up people (PORT, PORTAL_PORT, DEMO_DIR, DEMO_PATIENTS, TELEMED_DEMO_NOW)
	@$(BOOTSTRAP)
	@$(BIN)/python -m telemed demo

test: ## set up, run every test on real servers and browsers, print the branch coverage (TELEMED_EFFORT)
	@$(BOOTSTRAP) --dev
	@$(PYTHON) infra/deploy/real_parts.py
	@$(PYTHON) infra/deploy/javascript.py
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest --real --numprocesses=$(WORKERS) --dist=loadfile $(TESTS); tests=$$?; \
	  $(BIN)/python -m coverage combine --quiet; $(BIN)/python -m coverage report; \
	  cat .pytest_cache/d/real-parts/list.txt; exit $$tests

check: ## lint, format, types, import contracts, weak constructs, headers of every answer
	@$(BOOTSTRAP) --dev
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES)
	@$(PYTHON) infra/deploy/analysis.py
	@$(BIN)/python -m pytest --quiet tests/telemed/test_headers.py

fix: ## repair what lint and format can repair
	@$(BOOTSTRAP) --dev
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

lock: ## choose the newest versions that fit and write them down with their hashes
	@$(BOOTSTRAP) --dev
	@$(COMPILE) --upgrade pyproject.toml --extra setup --extra dev -o requirements-dev.txt
	@$(COMPILE) pyproject.toml --extra setup -c requirements-dev.txt -o requirements.txt
	@$(COMPILE) --group anonymise -c requirements-dev.txt -o requirements-anonymise.txt
	@echo uv | $(COMPILE) -c requirements-dev.txt - -o infra/deploy/uv.txt
	@echo semgrep | $(COMPILE) --upgrade - -o infra/deploy/semgrep.txt
	@echo 'pyspark>=4' | $(COMPILE) --upgrade - -o infra/deploy/spark.txt

bench: ## measure the product against the same work without it (FULL)
	@$(BOOTSTRAP) --dev
	@FULL=$(FULL) $(BIN)/python -m tests.bench

soak: ## the tests with many more repetitions and examples
	@TELEMED_EFFORT=$${TELEMED_EFFORT:-20} PYTEST_ADDOPTS="-o timeout=3600 -o faulthandler_timeout=3900" $(MAKE) --no-print-directory test

clean: ## remove what set-up, tests and the demo left behind
	@rm -rf .venv var build dist *.egg-info .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# `make verify` and `make test` do all their own set-up: a virtual environment in .venv with the
# versions of constraints.txt. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SITE_READY := $(VENV)/.ready-site
PACKAGES := hessian_theory simulators verification paper_figures

.PHONY: verify figures test test-thorough test-site coverage lint format docs site dist test-dist release bench bench-peers clean

verify: $(READY)
	$(BIN)/patchlaw verify --out verify-report

figures: $(READY)
	$(BIN)/patchlaw figures

test: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal

test-thorough: $(READY)
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -n 2 --dist worksteal

coverage: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term-missing:skip-covered

# the site's own tests: it is built once, notebooks and gallery run, then every page is read
test-site: $(SITE_READY)
	$(BIN)/pytest tests/site

# a type checker sees the packages where an installation has them, below patchlaw
lint: $(READY)
	mkdir -p $(VENV)/typed/patchlaw
	ln -sfn $(addprefix $(CURDIR)/,$(wildcard patchlaw/*) $(PACKAGES)) $(VENV)/typed/patchlaw
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/patchlaw derive --markdown docs/theory.md
	$(BIN)/python -m patchlaw.paper_figures.tables.claims_page
	$(BIN)/python -m patchlaw.paper_figures.tables.findings_tables
	$(BIN)/python -m patchlaw.paper_figures.tables.calibration_file
	$(BIN)/python -m benchmarks.cost_file

# the documentation as pages, in build/website/site; nothing is fetched
site: $(SITE_READY)
	$(BIN)/python -m docs.website.build

# source distribution, and the wheel made of it
dist: $(READY)
	rm -rf dist
	$(BIN)/python -c 'from setuptools import build_meta; build_meta.build_sdist("dist")' > /dev/null
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist dist/*.tar.gz

test-dist: dist
	.ci/test-dist

# a tag with the changelog's notes: make release VERSION=1.2.0; nothing is pushed
release: $(READY)
	$(BIN)/python .ci/release.py $(VERSION)

bench: $(READY)
	$(BIN)/python -m benchmarks.run

bench-peers: $(READY)
	$(BIN)/python -m benchmarks.peers.install
	$(BIN)/python -m benchmarks.run peers

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python: expected 3.11 or newer, got %d.%d; set PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

$(SITE_READY): $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $(SITE_READY)

clean:
	rm -rf $(VENV) build/website dist verify-report figures .pytest_cache .mypy_cache .ruff_cache .hypothesis

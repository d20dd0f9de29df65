# A machine needs only make and Python 3.11, 3.12 or 3.13: every target sets up .venv by itself.
# Another Python than python3:        make test PYTHON=python3.12
# What pip does while it installs:    make venv PIP_FLAGS=-v
# Test files that run side by side:   make test JOBS=4

PYTHON ?= python3
PIP_FLAGS ?= -qq
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --no-input --disable-pip-version-check $(PIP_FLAGS)
# A file stays in one process, so that its tests share what they prepared.
PYTEST := $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder
PIP_FAILED := { echo "error: pip did not finish, see above; more detail with: make venv PIP_FLAGS=-v" >&2; exit 1; }

# A Python that was asked for, and is not the one that .venv was made with, makes it anew.
ifneq ($(origin PYTHON),file)
ASKED := $(shell $(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null)
BUILT := $(shell sed -n 's/^version = //p' $(VENV)/pyvenv.cfg 2>/dev/null)
ifneq ($(ASKED),$(BUILT))
OTHER_PYTHON := other-python
endif
endif

.PHONY: help venv demo test test-all benchmark lint format docs clean other-python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.complete ## set up .venv with the versions of requirements.txt

demo: venv ## compare supervised training with L2R on noisy digits; results in runs/demo
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/demo.sh

test: lint ## lint, then the tests that are not marked slow
	$(PYTEST) -m "not slow"

test-all: lint ## lint, then all tests
	$(PYTEST)

benchmark: venv ## all benchmarks, hours; some: make benchmark ONLY="step overhead"; tables in runs/benchmarks
	$(BIN)/python -m benchmarks $(ONLY)

lint: venv ## ruff's rules, ruff's format, mypy's types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: venv ## let ruff rewrite the code
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

docs: venv ## the site of all pages and of the docstrings, in build/site; its tools come into .venv
	@$(PIP_INSTALL) --no-build-isolation -e '.[docs]' || $(PIP_FAILED)
	$(BIN)/python -m mkdocs build --strict

clean: ## remove .venv and caches; runs/ and data/ stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find . \( -path ./.git -o -path ./data -o -path ./runs \) -prune -o \
	  -type d -name __pycache__ -prune -exec rm -rf {} +

# Both marks are written last, and removed before anything else is touched: an interrupted installation
# leaves none behind, and the next call starts from an empty .venv.
$(VENV)/.requirements: requirements.txt $(OTHER_PYTHON)
	@command -v $(PYTHON) >/dev/null || \
	  { echo "error: no $(PYTHON) here; ieg needs Python 3.11 to 3.13: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit("error: $(PYTHON) is Python " \
	  + sys.version.split()[0] + ", ieg needs 3.11 to 3.13: make PYTHON=/path/to/python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: $(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing TensorFlow and the rest of requirements.txt into $(VENV): minutes the first time, once."
	@rm -f $(VENV)/.requirements $(VENV)/.complete
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP_INSTALL) -r requirements.txt || $(PIP_FAILED)
	@touch $@

$(VENV)/.complete: $(VENV)/.requirements pyproject.toml
	@rm -f $@
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e . || $(PIP_FAILED)
	@touch $@

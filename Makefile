# Needs make and Python 3.11 or newer; everything else is put into .venv. `make` alone tells what there is.

APP = echo
ARGS =
SEEDS = 10000
VENV = .venv
PYTHON ?= python3 python3.13 python3.12 python3.11 python

PY := $(VENV)/bin/python
NEEDED := reactor needs Python 3.11 or newer; say which one: make PYTHON=/path/to/python3
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test stress interop mutants bench bench-full bench-counts lint test-all clean

help: ## show this text
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  make run APP=goodbye ARGS="--port 9000"      what else: make run ARGS=--help'
	@echo '  make test ARGS="-k reset"                    options of pytest; -n0: in one process'

run: | $(PY) ## serve on 127.0.0.1:8080 (APP=echo), until Ctrl-C
	@exec $(PY) -m reactor $(APP) $(ARGS)

# Each process compiles the library and the tests anew if it may not write bytecode: a third of the time.
test: $(VENV)/.has-test ## the whole test suite, with a small form of the stress
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n logical --dist worksteal $(ARGS)

stress: $(VENV)/.has-test ## everything goes wrong at once, for up to 15 minutes; SEEDS=10000 simulated worlds
	@SEEDS=$(SEEDS) $(PY) -m pytest -m slow $(ARGS)

interop: $(VENV)/.has-test ## with other programs and as root: inetd, nc, curl, networks; it says what it left out
	@$(PY) -m pytest -m interop tests/interop $(ARGS)

mutants: $(VENV)/.has-test ## break the library in many ways, one at a time; the tests must notice each
	@$(PY) tests/mutants/run.py $(ARGS)

bench: bench/.venv/.made ## beside asyncio, uvloop, Node and others, in three minutes
	@bench/.venv/bin/python -m bench.run $(addprefix --base=,$(BASE)) $(ARGS)

bench-full: bench/.venv/.made ## every workload, every peer: an hour and more
	@bench/.venv/bin/python -m bench.run --full $(ARGS)

bench-counts: bench/.venv/.made ## what a change costs in instructions: BASE=<commit>; needs valgrind
	@bench/.venv/bin/python -m bench.counts $(addprefix --base=,$(BASE)) $(ARGS)

# mypy must also reject what is wrong: the last line.
lint: $(VENV)/.has-lint ## ruff and mypy --strict
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m pytest tests/surface/test_types.py

test-all: ## the test suite on Python 3.11, 3.12 and 3.13, each that is present
	@none=true; \
	for version in 3.11 3.12 3.13; do \
		found=; \
		for python in python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version*/bin/python$$version; do \
			if "$$python" -c '' 2>/dev/null; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then echo "Python $$version: not here"; continue; fi; \
		none=false; \
		echo "Python $$version: $$found"; \
		$(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON="$$found" || exit 1; \
	done; \
	! $$none || { echo "$(NEEDED)" >&2; exit 1; }

clean: ## remove what the other targets made
	rm -rf .venv .venv-3.* bench/.venv bench/build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first of PYTHON that is new enough. An environment without pip is all that running needs: no download, and
# no python3-venv on Debian.
$(PY):
	@for python in $(PYTHON); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "making $(VENV) with $$python"; \
			exec "$$python" -m venv --without-pip --clear $(VENV); \
		fi; \
	done; \
	echo "$(NEEDED)" >&2; exit 1

# What tests and lint need besides; again only after these files have changed.
$(VENV)/.has-%: setup.cfg pyproject.toml | $(PY)
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null 2>&1 || \
		{ echo "this Python has no ensurepip: install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo 'installing what $* needs into $(VENV)'
	@$(PY) -m pip install --quiet --editable '.[$*]'
	@touch $@

# The peers of the benchmark, in an environment of their own.
bench/.venv/.made: setup.cfg bench/install.py
	@$(MAKE) --no-print-directory VENV=bench/.venv bench/.venv/bin/python
	@bench/.venv/bin/python bench/install.py
	@touch $@

# What people, hooks and CI run. `make run` needs Python 3.11 or newer and make, nothing else.
# All paths are relative, so that a checkout may lie in a folder with spaces.

SHELL := /bin/sh
BIN := .venv/bin
# 3.14 comes last: there is no wheel of the embedded PostgreSQL for it yet, so it needs one of the system.
PYTHON ?= $(shell for wanted in '(3, 11) <= v < (3, 14)' '(3, 14) <= v'; do \
	for candidate in python3 python3.13 python3.12 python3.11; do \
	"$$candidate" -c "import sys; v = sys.version_info; sys.exit(not ($$wanted))" 2>/dev/null && echo "$$candidate" && exit; \
	done; done)
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
PIP_COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --extra embedded
# A process a core, each with a PostgreSQL of its own, a file of tests to one. Over four, memory goes and no time is saved.
TESTS := -m "not soak" --numprocesses auto --maxprocesses 4 --dist loadfile

.DELETE_ON_ERROR:
.PHONY: help run test check bench soak lock

help:  ## Tell what can be made (the default)
	@sed -n 's/^\([a-z]*\):.*  ## /make \1\t/p' Makefile

run: .venv/run.stamp  ## Set up everything and serve on the embedded database
	@exec $(BIN)/muniment serve

test: .venv/dev.stamp  ## Set up everything and run all tests but the slow ones
	$(BIN)/python -m pytest $(TESTS)

check: .venv/dev.stamp  ## Format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev.stamp  ## Run the benchmarks
	$(BIN)/python -m tests.bench

soak: .venv/dev.stamp  ## Run the slow tests: kill matrices, millions of rows
	$(BIN)/python -m pytest -m soak

lock: .venv/dev.stamp  ## Pin the newest releases that pyproject.toml and requirements/*.in allow
	$(PIP_COMPILE) --upgrade --output-file requirements/run.txt pyproject.toml requirements/run.in
	$(PIP_COMPILE) --upgrade --output-file requirements/dev.txt pyproject.toml requirements/run.in requirements/dev.in

# An environment holds absolute paths: one that was moved or copied with its checkout is made anew.
ifneq ($(shell cat .venv/place 2>/dev/null),$(shell pwd -P))
.PHONY: .venv/place
endif

.venv/place:
	@test -n "$(PYTHON)" || { echo "Muniment needs Python 3.11 or newer: install it, or name it with make PYTHON=…" >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear .venv || { echo "Python cannot make environments: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	@pwd -P > .venv/place

.venv/run.stamp: .venv/place requirements/run.txt pyproject.toml
	@echo "Installing what the service runs with"
	@$(PIP_INSTALL) --require-hashes --requirement requirements/run.txt
	@$(PIP_INSTALL) --no-deps --no-index --no-build-isolation --editable .
	@touch .venv/run.stamp

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	@echo "Installing what tests and checks need"
	@$(PIP_INSTALL) --require-hashes --requirement requirements/dev.txt
	@touch .venv/dev.stamp

# Two commands: `make run` sets up and runs the main job, `make test` sets up and tests.
# And one for releases: `make bundle` builds what needs no Python (packaging/README.md).
# Written for GNU make 3.81 and later, which macOS still has.
.SILENT:
.PHONY: help run test setup lint types unit bundle clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help:
	echo "make run    set up, make and index the demo sounds, search them three times"
	echo "make test   set up, then lint, types and tests"
	echo "make bundle build the program as a folder and an installer, and use them"
	echo "make clean  remove what the others made"

run: setup
	tools/run-demo.sh $(VENV)

test: setup lint types unit

setup: $(READY)

$(READY): pyproject.toml constraints.txt tools/setup.sh
	PYTHON="$(PYTHON)" tools/setup.sh $(VENV)
	touch $@

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

types: setup
	$(BIN)/mypy

unit: setup
	# one thread each: threads of two processes on two cores wait for one another
	# whoever has nothing left to do takes tests from the other
	# bytecode is kept: hundreds of processes are started, and each would compile everything
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 2 --dist worksteal -m "not alone"
	$(BIN)/pytest -m alone tests/app/gui

bundle:
	PYTHON="$(PYTHON)" tools/bundle.sh build/bundle

clean:
	rm -rf $(VENV) build/bundle assets/demo/*.wav .pytest_cache .mypy_cache .ruff_cache .hypothesis

# clearprop's commands. `make help` lists them.
#
# Everything is installed into .venv, once: a stamp is written after an installation has succeeded,
# and it is repeated when pyproject.toml, constraints.txt or this file changes. Plain enough for the
# make 3.81 that macOS has.

# The Python that makes .venv, 3.11 or newer.
PYTHON ?= python3
# What `make reproduce` and `make wheels` pass on: make reproduce ARGS="--lang zh-TW"
ARGS =
# The one package that is installed by a line of its own; `make reproduce TORCH=` goes without.
TORCH = torch==2.13.0
# More options for that line, such as another index.
TORCH_OPTIONS =

# The cross compiler of `make wheels`, half a gigabyte, for nothing else.
ZIG = ziglang==0.17.1

VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
PYTEST = $(BIN)/python -m pytest -n auto
VENV_STAMP = $(VENV)/.stamp-venv
RUN_STAMP = $(VENV)/.stamp-run
DEV_STAMP = $(VENV)/.stamp-dev
TORCH_STAMP = $(VENV)/.stamp-torch
ZIG_STAMP = $(VENV)/.stamp-zig
PYODIDE_STAMP = $(VENV)/.stamp-pyodide
SOURCES_OF_VERSIONS = pyproject.toml constraints.txt Makefile

WANTED_TORCH_STAMP = $(if $(strip $(TORCH)),$(TORCH_STAMP))

.PHONY: help reproduce test check bench wheels clean
# Two installations into one .venv must not run side by side.
.NOTPARALLEL:

help:
	@echo "make reproduce   run every experiment of the tutorial and write clearprop-report/"
	@echo "                 options go into ARGS: make reproduce ARGS=\"--lang zh-TW\""
	@echo "make test        run the tests but for sweeps and browsers: some three minutes"
	@echo "make check       all the tests with branch coverage, formatting, linting, types, rooms, a build"
	@echo "make bench       measure speed beside NumPy and PyTorch"
	@echo "make wheels      make the wheels of every platform, with machine code, and try what runs here"
	@echo "make clean       delete .venv and everything that the commands above made"
	@echo
	@echo "All of them install what they need into .venv. PYTHON=python3.12 names the Python to use;"
	@echo "TORCH= goes without PyTorch; TORCH_OPTIONS=... are pip's options for installing it."

reproduce: $(RUN_STAMP) $(WANTED_TORCH_STAMP)
	@$(BIN)/clearprop reproduce $(ARGS)

test: $(DEV_STAMP) $(WANTED_TORCH_STAMP)
	$(PYTEST) -m "not thorough"

# What takes seconds comes first.
check: $(DEV_STAMP) $(WANTED_TORCH_STAMP) $(PYODIDE_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy --strict
	$(PYTEST) --cov --cov-report=term
	$(BIN)/python -m build --no-isolation --outdir dist

bench: $(DEV_STAMP) $(WANTED_TORCH_STAMP)
	$(BIN)/python -m benchmarks

wheels: $(DEV_STAMP) $(ZIG_STAMP)
	$(BIN)/python -m wheels $(ARGS)

clean:
	rm -rf $(VENV) dist build htmlcov clearprop-report .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# A half-made .venv has no stamp and is made anew.
$(VENV_STAMP):
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "clearprop needs Python 3.11 or newer, and there is no '$(PYTHON)' here; name yours with PYTHON=..." >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "clearprop needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1 | head -n 1); name a newer one with PYTHON=..." >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make a virtual environment because its venv module is missing; on Debian and Ubuntu: sudo apt install python3-venv" >&2; \
	  exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUN_STAMP): $(VENV_STAMP) $(SOURCES_OF_VERSIONS)
	@echo "Installing clearprop and what it needs (once; a minute or so)"
	@$(PIP) install --quiet -c constraints.txt -e ".[all]"
	@touch $@

$(DEV_STAMP): $(VENV_STAMP) $(SOURCES_OF_VERSIONS)
	@echo "Installing clearprop and what its tests need (once; a minute or so)"
	@$(PIP) install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

$(TORCH_STAMP): $(VENV_STAMP) $(SOURCES_OF_VERSIONS)
	@echo "Installing $(TORCH) (once; on Linux, the README tells how to get the smaller CPU build)"
	@$(PIP) install --quiet -c constraints.txt $(TORCH_OPTIONS) $(TORCH) || { \
	  echo "$(TORCH) could not be installed; to go on without it, add TORCH= to the command" >&2; \
	  exit 1; }
	@touch $@

$(ZIG_STAMP): $(VENV_STAMP) $(SOURCES_OF_VERSIONS)
	@echo "Installing $(ZIG) (once)"
	@$(PIP) install --quiet $(ZIG)
	@touch $@

# Without it, the tests of the lab as one file are skipped.
$(PYODIDE_STAMP): $(DEV_STAMP)
	@echo "Fetching Pyodide for the tests of the lab as one file (once)"
	@$(BIN)/python -m tests.lab.fetch_runtime || \
	  echo "Notice: Pyodide could not be fetched; going on without." >&2
	@touch $@

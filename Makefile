# make run   everything from a fresh machine to a served page; PORT=8001 for another port
# make test  all tests            make check  everything but the tests that must hold before a change goes in
# make bench compares the API with others   make clean  removes what make built (never var/, where the data is)
# make benchmarks  all other benchmarks, one after another    make bench BENCH="--help" says how to take a part of bench
# make soak  every fault that the product survives, hundreds of times (two hours); SOAK="--only cut_power --times 5" less
# make lock  pins the packages anew    make screenshots  takes the pictures of docs/console.md anew
# make messages  gathers the texts to be translated, and compiles what is translated (needs GNU gettext)
# PYTHON=/path/to/python3.12 chooses the interpreter of a new .venv; VENV=dir puts it elsewhere.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run test check bench benchmarks soak lock messages screenshots clean

VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?=

help:
	@sed -n 's/^# //p' Makefile | sed -n '1,7p'

run: $(VENV)/.packages
	@LOCAL=on HTTPS=off exec $(BIN)/python manage.py serve

test: $(VENV)/.packages-dev
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TESTS)

check: $(VENV)/.packages-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml $(SOURCES)
	$(BIN)/python manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=booking_site.testing.linting $(BIN)/python -m django lintmigrations --warnings-as-errors --quiet ignore
	@echo "check --deploy, as a deployment:"
	@$(DEPLOYMENT) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python -c 'import yaml; yaml.safe_load(open("docker-compose.yml", encoding="utf-8"))'

SOURCES = booking_site doctors patients scheduling appointments audit

# Nothing connects to this database.
DEPLOYMENT = DEBUG=off LOCAL=off HTTPS=on ALLOWED_HOSTS=hospital.example \
    DATABASE_URL=postgresql://hospital@127.0.0.1:1/hospital \
    SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))')"

# Writes bench/results/latest.md in about a quarter of an hour; packages of the reference go under var/bench.
bench: $(VENV)/.packages-dev
	$(BIN)/python -m bench.compare $(BENCH)

benchmarks: $(VENV)/.packages-dev
	@for script in $$(grep -l __main__ bench/*.py); do echo "== $$script"; $(BIN)/python "$$script"; done

SOAK ?=

soak: $(VENV)/.packages-dev
	$(BIN)/python -m booking_site.testing.soak $(SOAK)

# Pins every package for all platforms, from pyproject.toml. Needs uv; make lock UPGRADE=--upgrade takes the newest.
LOCK = uv pip compile --quiet --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" \
    pyproject.toml $(UPGRADE)

lock:
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra dev --extra metrics --extra tracing --constraint requirements.txt --output-file requirements-dev.txt

# make messages LANGUAGES="de fr" begins a language. What programs read is English: no commands, no descriptions of the API.
LANGUAGES ?= $(notdir $(wildcard booking_site/locale/*))
UNSPOKEN = var bench docs tests testing demo migrations management

messages: $(VENV)/.packages
	$(BIN)/python manage.py makemessages --no-obsolete --no-wrap --add-location file \
	    $(addprefix --locale=,$(LANGUAGES)) $(addprefix --ignore=,$(UNSPOKEN))
	sed -i.bak '/^"POT-Creation-Date/d' booking_site/locale/*/LC_MESSAGES/django.po  # it would change each time
	rm booking_site/locale/*/LC_MESSAGES/django.po.bak
	$(BIN)/python manage.py compilemessages $(addprefix --locale=,$(LANGUAGES)) --ignore=.venv* --ignore=var

screenshots: $(VENV)/.packages-dev
	$(BIN)/python docs/take_screenshots.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# --- packages ------------------------------------------------------------------------------------------------
# A stamp says which requirements are installed. requirements-dev.txt holds all of requirements.txt.

INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
DOTS = 2> $(VENV)/pip.log | awk '/^Collecting /{printf "."; fflush()} END{print ""}' || { cat $(VENV)/pip.log >&2; exit 1; }

$(VENV)/.packages: requirements.txt | $(BIN)/python
	@echo "Installing packages, once; this takes about half a minute ..."
	@$(INSTALL) -r requirements.txt $(DOTS)
	@touch $@

$(VENV)/.packages-dev: requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing packages for development, once; this takes about a minute ..."
	@$(INSTALL) -r requirements-dev.txt $(DOTS)
	@touch $(VENV)/.packages $@

$(BIN)/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Making $(VENV) with $$("$$python" --version) ..."; \
	        "$$python" -m venv $(VENV) && exit 0; \
	        rm -rf $(VENV); \
	        echo "$$python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	        exit 1; \
	    fi; \
	done; \
	echo "Python 3.11 or newer is needed, and $(or $(PYTHON),none of python3 and python3.11 to 3.14) is not that." >&2; \
	echo "Install it, or name it: make run PYTHON=/path/to/python3.12" >&2; \
	exit 1

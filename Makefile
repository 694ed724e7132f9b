# Every target sets up .venv on first use: nothing but Python >= 3.11 and make is needed.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.bench-ready
LOCK := requirements.lock

# What is given on the command line (`make rollback version=…`) reaches a command as its option, and nothing else does:
# defaults are the command's own. The shell reads values from its environment, where quotes in them are harmless.
given = $(foreach name,$(1),$(if $($(name)),--$(subst _,-,$(name)) "$$$(name)"))
flags = $(foreach name,$(1),$(if $($(name)),--$(subst _,-,$(name))))

.DEFAULT_GOAL := help
.PHONY: $(shell awk -F: '/^[a-z-]+:.*\#\# / {print $$1}' $(firstword $(MAKEFILE_LIST)))

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): $(LOCK) pyproject.toml setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) \
	  || { echo "cannot create $(VENV): this Python lacks the venv module (on Debian: apt install python3-venv)"; exit 1; }
	@echo "installing the locked packages into $(VENV) (once, a minute or two)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $(LOCK)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

$(BENCH_READY): bench/requirements.lock $(READY)
	@echo "installing the peers that the benchmarks compare with (once)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $(BENCH_READY)

demo: $(READY)  ## the whole system on your machine: loads the sessions, plays the months [csv=PATH]
	@$(RUN) -m intent_platform demo $(call given,csv)

dev: $(READY)  ## the Dagster UI, schedules and sensors on the same instance [port=…]
	@$(RUN) -m intent_platform dev $(call given,port)

setup: $(READY)  ## prepare the deployment and load the source data [csv=PATH]; Snowflake: [admin_role=…] [dry_run=1]
	@$(RUN) -m intent_platform setup $(call given,csv admin_role) $(call flags,dry_run)

rollback: $(READY)  ## move the champion back: version=v_YYMMDD_HHMMSS (or previous) [reason="…"]
	@test -n "$$version" || { echo "name the version: make rollback version=v_YYMMDD_HHMMSS, or version=previous"; exit 2; }
	@$(RUN) -m intent_platform rollback $(call given,version reason)

promote: $(READY)  ## make a version champion whatever the gate says: version=v_YYMMDD_HHMMSS reason="…"
	@test -n "$$version" || { echo 'name the version: make promote version=v_YYMMDD_HHMMSS reason="…"'; exit 2; }
	@$(RUN) -m intent_platform promote --version "$$version" --reason "$$reason"

prune: $(READY)  ## delete old versions that never were champion; the newest keep=… stay
	@test -n "$$keep" || { echo "say how many of the newest versions stay: make prune keep=24"; exit 2; }
	@$(RUN) -m intent_platform prune $(call given,keep)

game-day: $(READY)  ## rehearse two months of a simulated shop to which something happens: scenario=… [strength=…]
	@test -n "$$scenario" || { echo "name what happens: make game-day scenario=meaningless_pagevalues; docs/simulator.md lists them"; exit 2; }
	@$(RUN) -m intent_platform game-day $(call given,scenario strength)

replay: $(READY)  ## what each promotion policy would have delivered on your past months
	@$(RUN) -m intent_platform replay

deploy-sproc: $(READY)  ## Snowflake: declare the stored procedures [dry_run=1]
	@$(RUN) -m intent_platform deploy-sproc $(call flags,dry_run)

deploy-task: $(READY)  ## Snowflake: declare the tasks, suspended unless resume=1 [dry_run=1]
	@$(RUN) -m intent_platform deploy-task $(call flags,resume dry_run)

test: $(READY)  ## all tests
	@$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

unit: $(READY)  ## fast feedback: the tests of the pure core, the feeds and the house rules
	@$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --hypothesis-profile unit \
	  intent_platform_tests/modelling intent_platform_tests/sessions $(wildcard intent_platform_tests/test_*.py)

bench: $(READY) $(BENCH_READY)  ## measure what docs/ says: what=search, quality or gate [csv=PATH]
	@test -n "$$what" || { echo "name what to measure: make bench what=search, what=quality or what=gate"; exit 2; }
	@$(RUN) -m "bench.$$what" $(call given,csv)

test-snowflake: $(READY)  ## the ports' contract and the whole story on the emulated account; account=1: also on a real one
	@$(RUN) -m pytest intent_platform_tests/platforms intent_platform_tests/assets/test_both_platforms.py \
	  intent_platform_tests/automation/test_procedures.py intent_platform_tests/snowflake_emulator \
	  $(if $(account),--snowflake)

coverage: $(READY)  ## all tests, with the lines they reach
	@$(RUN) -m pytest --cov=intent_platform --cov-report=term-missing:skip-covered --cov-report=xml

lint: $(READY)  ## style and mistakes
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

format: $(READY)  ## put the style right
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

types: $(READY)  ## the strict type checker
	@$(VENV)/bin/mypy

check: lint types test  ## what CI asks for

settings: $(READY)  ## write docs/settings.md from the fields of the settings
	@$(RUN) -m intent_platform.settings.reference > docs/settings.md

lock: $(READY)  ## resolve the dependencies anew, with hashes
	@$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade pyproject.toml --group dev --output-file $(LOCK)
	@$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade --constraints $(LOCK) --group pyproject.toml:bench --output-file bench/requirements.lock

clean:  ## remove .venv and caches; the home folder stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

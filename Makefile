# Every target creates .venv on first use. You need only make and Python 3.11, 3.12 or 3.13.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.bench-ready
LOCK := requirements.lock

# `make rollback version=…` passes the option --version to the command. A variable without a value passes no option, so
# the command uses its default. The shell reads each value from its environment, so quotes in a value are harmless.
given = $(foreach name,$(1),$(if $($(name)),--$(subst _,-,$(name)) "$$$(name)"))
flags = $(foreach name,$(1),$(if $($(name)),--$(subst _,-,$(name))))

.DEFAULT_GOAL := help
.PHONY: $(shell awk -F: '/^[a-z-]+:.*\#\# / {print $$1}' $(firstword $(MAKEFILE_LIST)))

help:  ## list all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): $(LOCK) pyproject.toml setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: name one that is, as in make PYTHON=python3.12 …"; exit 1; }
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

demo: $(READY)  ## load the sessions and run the last twelve months [csv=PATH]
	@$(RUN) -m intent_platform demo $(call given,csv)

dev: $(READY)  ## start the Dagster UI, the schedules and the sensors on this machine [port=…]
	@$(RUN) -m intent_platform dev $(call given,port)

setup: $(READY)  ## create the tables and load the source data [csv=PATH]; on Snowflake also [admin_role=…] [dry_run=1]
	@$(RUN) -m intent_platform setup $(call given,csv admin_role) $(call flags,dry_run)

doctor: $(READY)  ## ask the Snowflake account whether what the platform assumes is true there [full=1]
	@$(RUN) -m intent_platform doctor $(call flags,full)

rollback: $(READY)  ## make an earlier version champion: version=v_YYMMDD_HHMMSS or version=previous [reason="…"]
	@test -n "$$version" || { echo "name the version: make rollback version=v_YYMMDD_HHMMSS, or version=previous"; exit 2; }
	@$(RUN) -m intent_platform rollback $(call given,version reason)

promote: $(READY)  ## make a version champion, whatever the gate decided: version=v_YYMMDD_HHMMSS reason="…"
	@test -n "$$version" || { echo 'name the version: make promote version=v_YYMMDD_HHMMSS reason="…"'; exit 2; }
	@$(RUN) -m intent_platform promote --version "$$version" --reason "$$reason"

prune: $(READY)  ## delete old versions that never were champion, except the newest: keep=…
	@test -n "$$keep" || { echo "say how many of the newest versions to keep: make prune keep=24"; exit 2; }
	@$(RUN) -m intent_platform prune $(call given,keep)

backup: $(READY)  ## copy the home folder, also while make dev runs: to=FOLDER
	@test -n "$$to" || { echo "name a new folder: make backup to=…"; exit 2; }
	@$(RUN) -m intent_platform backup $(call given,to)

restore: $(READY)  ## put a backup in the place of the home folder's files: from=FOLDER
	@test -n "$$from" || { echo "name the folder of a backup: make restore from=…"; exit 2; }
	@$(RUN) -m intent_platform restore $(call given,from)

forget: $(READY)  ## remove a visitor from all tables and session files: uid=…
	@test -n "$$uid" || { echo "name the visitor: make forget uid=…"; exit 2; }
	@$(RUN) -m intent_platform forget $(call given,uid)

game-day: $(READY)  ## rehearse sixty days with an incident: scenario=… [strength=…]
	@test -n "$$scenario" || { echo "name the scenario: make game-day scenario=meaningless_pagevalues; docs/simulator.md lists them"; exit 2; }
	@$(RUN) -m intent_platform game-day $(call given,scenario strength)

replay: $(READY)  ## compare promotion policies on the past months
	@$(RUN) -m intent_platform replay

deploy-sproc: $(READY)  ## deploy the stored procedures to Snowflake [only=NAME] [dry_run=1]
	@$(RUN) -m intent_platform deploy-sproc $(call given,only) $(call flags,dry_run)

deploy-task: $(READY)  ## deploy the tasks to Snowflake, suspended without resume=1 [only=NAME] [dry_run=1]
	@$(RUN) -m intent_platform deploy-task $(call given,only) $(call flags,resume dry_run)

monitor: $(READY)  ## let Snowflake monitor the champion, also after each move [dry_run=1]
	@$(RUN) -m intent_platform monitor $(call flags,dry_run)

test: $(READY)  ## run all tests
	@$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

unit: $(READY)  ## run the modelling, sessions and top-level tests, for fast feedback
	@$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --hypothesis-profile unit \
	  intent_platform_tests/modelling intent_platform_tests/sessions $(wildcard intent_platform_tests/test_*.py)

bench: $(READY) $(BENCH_READY)  ## measure the numbers in docs/: what=search, quality or gate [csv=PATH]
	@test -n "$$what" || { echo "name what to measure: make bench what=search, what=quality or what=gate"; exit 2; }
	@$(RUN) -m "bench.$$what" $(call given,csv)

torture: $(READY)  ## kill processes, run them at once, give bad input, and check what must hold: [size=full] [seed=…] [only=NAME] [write=1]
	@$(RUN) -m bench.torture $(call given,size seed only) $(call flags,write)

test-snowflake: $(READY)  ## run the Snowflake tests on the emulated account; with account=1 also on a real one
	@$(RUN) -m pytest intent_platform_tests/snowflake_emulator intent_platform_tests/platforms \
	  $(addprefix intent_platform_tests/assets/test_,both_platforms.py account_use.py) \
	  $(addprefix intent_platform_tests/automation/test_,procedures.py task_runs.py doctor.py) \
	  intent_platform_tests/commands/test_doctor.py $(if $(account),--snowflake)

coverage: $(READY)  ## run all tests and list the lines that they do not reach
	@$(RUN) -m pytest --cov=intent_platform --cov-report=term-missing:skip-covered --cov-report=xml

audit: $(READY)  ## compare the locked packages with known weaknesses (needs network)
	@found=$$($(VENV)/bin/uv tool run pip-audit@2.10.1 --disable-pip --no-deps --requirement $(LOCK) 2>&1) \
	  || case "$$found" in *"known vulnerabilit"*) echo "$$found"; exit 1;; *) found="not looked up: $${found##*: }";; esac; \
	  echo "$$found" | tail -n 1

lint: $(READY)  ## check the style
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

format: $(READY)  ## fix the style
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

types: $(READY)  ## check the types with mypy in strict mode
	@$(VENV)/bin/mypy

check: lint types test  ## run what CI requires: lint, types and test

settings: $(READY)  ## write docs/settings.md from the fields of the settings
	@$(RUN) -m intent_platform.settings.reference > docs/settings.md

lock: $(READY)  ## resolve the dependencies again after a change in pyproject.toml
	@$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade pyproject.toml --group dev --output-file $(LOCK)
	@$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --upgrade --constraints $(LOCK) --group pyproject.toml:bench --output-file bench/requirements.lock

clean:  ## remove .venv and the caches; the home folder stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

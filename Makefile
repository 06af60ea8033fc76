# Two commands matter: `make demo` and `make test`. Everything they need is installed by `setup`.
PYTHON ?= python3
BIN := .venv/bin
UV := UV_PYTHON_DOWNLOADS=never $(BIN)/uv
LOCK := requirements/dev.txt

.PHONY: setup brokers rivals ruler demo dev test test-long check bench format lock schemas clean

setup: .venv/.locked

.venv/.locked: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing the locked dependencies into .venv …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(UV) pip sync --quiet --require-hashes $(LOCK)
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Kafka for the tests of its adapter: jars from Maven Central. Without it they are skipped.
brokers: .brokers/kafka/.fetched

.brokers/kafka/.fetched: tests/brokers/pom.xml
	@command -v java >/dev/null && command -v mvn >/dev/null \
	  || { echo "Java and Maven are needed; on Debian and Ubuntu: apt-get install default-jre-headless maven"; exit 1; }
	@echo "Fetching Kafka into .brokers …"
	@rm -rf .brokers/kafka
	@mvn --quiet --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.brokers/kafka
	@touch $@

demo: setup
	@$(BIN)/activity-core demo

dev: setup
	@$(BIN)/activity-core dev

# Those that time things have the machine to themselves; the others share it.
test: check
	@$(BIN)/pytest tests/e2e tests/faults
	@$(BIN)/pytest -n 2 --dist loadgroup tests/contract tests/integration tests/replay tests/unit

# Outages of a minute each; not part of `test`.
test-long: setup
	@$(BIN)/pytest -m long

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Others that do the same work, for the benchmark `coalescing` alone.
rivals: setup .rivals/.locked

.rivals/.locked: requirements/rivals.txt
	@command -v redis-server >/dev/null \
	  || { echo "redis-server is needed; on Debian and Ubuntu: apt-get install redis-server"; exit 1; }
	@echo "Installing Celery, Procrastinate and DBOS into .rivals …"
	@test -x .rivals/bin/python || $(PYTHON) -m venv .rivals
	@$(UV) pip sync --quiet --require-hashes --python .rivals/bin/python $<
	@touch $@

# AWS event-ruler, for a benchmark that compares with it: jars from Maven Central.
ruler: .rivals/event-ruler/.fetched

.rivals/event-ruler/.fetched: benchmarks/event_ruler/pom.xml
	@command -v javac >/dev/null && command -v mvn >/dev/null \
	  || { echo "A JDK and Maven are needed; on Debian and Ubuntu: apt-get install default-jdk-headless maven"; exit 1; }
	@echo "Fetching event-ruler into .rivals …"
	@mvn --quiet --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.rivals/event-ruler
	@touch $@

bench: setup $(if $(filter-out coalescing,$(NAME)),,rivals) $(if $(filter-out matching,$(NAME)),,ruler)
	@$(BIN)/python -m benchmarks $(NAME)

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Lock files hold versions and hashes, never download addresses.
lock:
	@for set in "dev --extra embedded --group dev" "runtime"; do \
	  set -- $$set; name=$$1; shift; \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    "$$@" pyproject.toml -o requirements/$$name.txt; \
	done
	@$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  requirements/rivals.in -o requirements/rivals.txt
	@grep -A999 '^uv==' requirements/dev.txt | awk 'NR>1 && /^[a-z]/ {exit} {print}' > requirements/uv.txt

# The published JSON Schemas, from the models; a test says when they are stale.
schemas: setup
	@$(BIN)/activity-core schema definition > docs/reference/activity-definition.schema.json
	@$(BIN)/activity-core schema connection > docs/reference/connection.schema.json
	@$(BIN)/activity-core schema calendar > docs/reference/calendar.schema.json
	@$(BIN)/activity-core schema source > docs/reference/event-source.schema.json
	@$(BIN)/activity-core schema event_type > docs/reference/event-type.schema.json
	@$(BIN)/activity-core schema event > docs/reference/event-envelope.schema.json

clean:
	@rm -rf .venv .brokers .rivals .senders .activity-core .mypy_cache .ruff_cache .pytest_cache .hypothesis

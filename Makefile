# Two commands do everything on a fresh machine: `make demo` and `make test`. Both are safe to repeat.

# Where the clients of others are: here, and not in the user's cache.
export STREAMPROOF_CLIENTS ?= $(CURDIR)/.tools/clients

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python3.14,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# What measures clients in real time runs alone, for it would be late beside anything else; the rest on every core.
PURE := tests/unit tests/props
TIMED := $(addprefix tests/live/test_, browser_eventsource.py catalogue.py client_live.py clients_page.py command_clients.py conformance.py docs.py harness_engine.py hosting.py \
	known_failures_of_a_run.py nemesis.py network_scenarios.py node_twin.py reuse.py sdk_by_hand.py sdk_truth.py \
	server_live.py sim_agreement.py sim_agreement_memory.py sink_scenarios.py sinks_live.py toxiproxy_toxics.py tries.py) \
	tests/meta tests/bench
LIVE := $(filter-out $(TIMED), $(wildcard tests/live/test_*.py))
# So many simulated calls that coverage would take minutes.
HUNTS := tests/meta/test_planted_by_fuzzing.py tests/meta/test_table.py

# What people look at, in a real Chromium; where there is none the tests say so and are skipped.
PAGES := $(wildcard tests/browser)

.PHONY: demo test test-all catalogue setup-clients setup-toxiproxy setup-prometheus check matrix clients bench clean

demo: $(READY)  ## run the catalogue against three clients; the exit status is that of the bundled one
	$(BIN)/streamproof run --client bundled --client anthropic --client naive --gate bundled --report console --report html

test: $(READY)  ## the test suite
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" $(PURE) $(LIVE)
	$(BIN)/python -m pytest -m "not slow" $(TIMED)
	$(BIN)/python -m pytest -m "not slow" $(PAGES)

test-all: $(READY)  ## the slow suites as well, under coverage, and the suite on every other Python that is here
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist loadfile -m "not load" $(PURE) $(LIVE)
	$(BIN)/coverage run -m pytest -m "not load" $(TIMED)
	$(BIN)/coverage run -m pytest -m "not load" $(PAGES)
	$(BIN)/python -m pytest -n auto --dist loadgroup -m load $(HUNTS)
	$(BIN)/python -m pytest -m load tests/live
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --format=total --fail-under=95
	$(BIN)/coverage report --include="$$(cat tests/pure_modules.txt | paste -sd, -)" --fail-under=100
	tests/every_python.sh

catalogue: $(READY)  ## number new scenarios, and write scenarios/COVERAGE.md
	$(BIN)/python -m harness.bookkeeping

setup-toxiproxy:  ## the real Toxiproxy 2.12.0 and its clients, into .tools: the tests compare with them where they are
	tests/setup_toxiproxy.sh

setup-prometheus:  ## a real Prometheus, into .tools: the tests let it scrape the client's metrics where it is
	tests/setup_prometheus.sh

check: $(READY)  ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Few at once: a client that comes late because of all the others would fail for that.
matrix: $(READY)  ## every client that is installed against the whole catalogue, into reports/matrix
	$(BIN)/streamproof run --client all --tries 3 --jobs 16 $(addprefix --gate ,bundled bundled_sync bundled_chat bundled_responses node) \
		--report matrix=reports/matrix/matrix.json --report markdown=reports/matrix/README.md \
		--report jsonl=reports/out/matrix.jsonl

clients: $(READY)  ## the clients of others, as far as their languages are on this machine
	$(BIN)/streamproof clients install --all

setup-clients: $(READY)  ## some that are quickly installed, in three languages: the tests check the adapters that are there
	$(BIN)/streamproof clients install httpx_sse anthropic_ts fetch_loop openai
	@if command -v go >/dev/null; then $(BIN)/streamproof clients install anthropic_go; \
	else echo "NOT INSTALLED: anthropic_go needs go"; fi

bench: $(READY)  ## the benchmarks
	$(BIN)/python -m pytest tests/bench --benchmark-enable --benchmark-only

clean:
	rm -rf $(VENV) .venv-3.* .tools reports/out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "streamproof needs Python 3.11 or later; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

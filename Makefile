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
TIMED := $(addprefix tests/live/test_, browser_eventsource.py catalogue.py chat.py client_live.py clients_page.py command_clients.py conformance.py docs.py harness_engine.py hosting.py \
	known_failures_of_a_run.py nemesis.py network_scenarios.py node_twin.py pages.py reuse.py sdk_by_hand.py sdk_truth.py \
	server_live.py sim_agreement.py sim_agreement_memory.py sink_scenarios.py sinks_live.py toxiproxy_toxics.py tries.py ui.py) \
	$(addprefix tests/browser/test_, chat.py ui.py) tests/meta/test_planted_bugs.py tests/bench
LIVE := $(filter-out $(TIMED), $(wildcard tests/live/test_*.py tests/browser/test_*.py))
# So many simulated calls that coverage would take minutes.
HUNTS := tests/meta/test_planted_by_fuzzing.py tests/meta/test_table.py
OF_PURE = --include="$$(paste -sd, tests/pure_modules.txt)" --fail-under=100

.PHONY: docs demo test test-timed test-pure test-covered test-all catalogue setup-clients setup-bench setup-toxiproxy setup-mocks setup-prometheus setup-locust check matrix clients bench soak clean

demo: $(READY)  ## run the catalogue against three clients; the exit status is that of the bundled one
	$(BIN)/streamproof run --client bundled --client anthropic --client naive --gate bundled --verbose --report html

test: test-timed test-pure  ## the test suite; its two halves run beside each other with `make --jobs=2`

test-timed: $(READY)  ## what needs sockets, and with it all that measures real time
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" $(LIVE)
	$(BIN)/python -m pytest -m "not slow" $(TIMED)

# It waits for nothing and can be late, so it leaves the cores to what cannot.
test-pure: $(READY)  ## what needs no sockets
	nice $(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" $(PURE)
	nice $(BIN)/python -m pytest -n auto --dist loadgroup -m "not slow" $(HUNTS)

test-covered: $(READY)  ## the same under coverage: no branch of a pure module may be missing
	$(BIN)/coverage erase
	nice $(BIN)/coverage run -m pytest -n auto --dist loadfile -m "not slow" $(PURE)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report $(OF_PURE)
	nice $(BIN)/python -m pytest -n auto --dist loadgroup -m "not slow" $(HUNTS)

test-all: $(READY)  ## the slow suites as well, under coverage, and the suite on every other Python that is here
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist loadfile -m "not load" $(PURE) $(LIVE)
	$(BIN)/coverage run -m pytest -m "not load" $(TIMED)
	$(BIN)/python -m pytest -n auto --dist loadgroup $(HUNTS)
	$(BIN)/python -m pytest -m load tests/live
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --format=total --fail-under=95
	$(BIN)/coverage report $(OF_PURE)
	tests/every_python.sh

catalogue: $(READY)  ## number new scenarios, and write scenarios/COVERAGE.md
	$(BIN)/python -m harness.bookkeeping

setup-toxiproxy:  ## the real Toxiproxy 2.12.0 and its clients, into .tools: the tests compare with them where they are
	tests/setup_toxiproxy.sh

setup-mocks:  ## other servers that play a model, into .tools: the benchmarks compare with them where they are
	tests/setup_mocks.sh

setup-prometheus:  ## a real Prometheus, into .tools: the tests let it scrape the client's metrics where it is
	tests/setup_prometheus.sh

setup-locust:  ## Locust in an environment of its own, into .tools: the tests run its master and workers where it is
	PYTHON="$(PYTHON)" tests/setup_locust.sh

check: $(READY)  ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(READY)  ## the documentation as a site, into reports/out/site; fails on a link that leads nowhere
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "reports/out/site/index.html"

# Few at once: a client that comes late because of all the others would fail for that.
matrix: $(READY)  ## every client that is installed against the whole catalogue, into reports/matrix
	$(BIN)/streamproof run --client all --seed 1 --tries 3 --jobs 16 $(addprefix --gate ,bundled bundled_sync bundled_chat bundled_responses node) \
		--report jsonl=reports/out/matrix.jsonl \
		--report matrix=reports/matrix/matrix.json --report markdown=reports/matrix/README.md

clients: $(READY)  ## the clients of others, as far as their languages are on this machine
	$(BIN)/streamproof clients install --all

setup-clients: $(READY)  ## some that are quickly installed, in three languages: the tests check the adapters that are there
	$(BIN)/streamproof clients install httpx_sse anthropic_ts fetch_loop openai
	@if command -v go >/dev/null; then $(BIN)/streamproof clients install anthropic_go; \
	else echo "NOT INSTALLED: anthropic_go needs go"; fi

setup-bench: $(READY)  ## the parsers of others, each in an environment of its own: the benchmarks compare with those that are there
	$(BIN)/streamproof bench --install

bench: $(READY)  ## the benchmarks, and the table of targets, into reports/speed
	$(BIN)/python -m pytest tests/bench --benchmark-enable --benchmark-only --speed reports/speed/speed.json

soak: $(READY)  ## ten minutes and more: two thousand calls at once, through every fault; wants both cores for itself
	$(BIN)/streamproof load --streams 2000 --for 10m --ramp 1m --mix tests/soak.toml --html reports/out/soak.html \
		--threshold 'unknown<=5%' --threshold 'leaked==0' --threshold 'growth<5MiB'

clean:
	rm -rf $(VENV) .venv-3.* .tools reports/out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "streamproof needs Python 3.11 or later; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

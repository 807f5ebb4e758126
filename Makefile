# The commands of README.md and CONTRIBUTING.md. Everything runs in .venv, made on first use.
PYTHON ?= python3
BIN := .venv/bin

# A network is six processes and more, and the tests start some hundred: compiled once, not by each of them.
export PYTHONDONTWRITEBYTECODE :=

KILLS ?= 1000
MINUTES ?= 60

SEEDS ?= 10000
FUZZ ?= 1000000
ENCRYPTOR_SECONDS ?= 60

.PHONY: up conformance encryptors faults fuzz test test-long kills lint format install bench constraints clean

up: install
	$(BIN)/qit up two-data-centres

test: install
	$(BIN)/pytest -n 2 --dist loadgroup -m "not long"

test-long: install  # tests of the group `measured` run one after another: they measure rates
	$(BIN)/pytest -n 2 --dist loadgroup -m long

conformance: install  # the checklist of docs/reference/checklist.md: each line with its tests and their result
	$(BIN)/pytest --checklist -q -m "not long"

kills: install
	KILLS=$(KILLS) $(BIN)/pytest -s tests/system/test_kills.py

faults: install  # SEEDS=n runs n seeds on all cores, SEED=n replays one with its trace
	$(BIN)/python -m qit4n.simulation $(if $(SEED),--seed $(SEED) --trace,--seeds $(SEEDS))

encryptors: install  # tunnels of WireGuard and strongSwan for a minute each; needs root and what .ci/run installs
	ENCRYPTOR_SECONDS=$(ENCRYPTOR_SECONDS) $(BIN)/pytest -s tests/system/test_encryptors.py

fuzz: install  # FUZZ bent requests and frames: doors of a live site, every parser and frame
	FUZZ=$(FUZZ) $(BIN)/pytest -s tests/fuzz tests/conformance/test_openapi_fuzzed.py tests/system/test_fuzz.py

soak: install  # four fifths of the possible load; draws soak.svg
	$(BIN)/python -m benchmarks soak --size $(MINUTES)
	$(BIN)/python -m benchmarks.soak soak.json > soak.svg

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/qit terms check

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r benchmarks/constraints.txt
	$(BIN)/python -m benchmarks

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt CMakeLists.txt $(wildcard src/cpp/*)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $@

constraints:  # UPGRADE=--upgrade renews the pins
	$(BIN)/uv pip compile --quiet $(UPGRADE) --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--universal --group dev pyproject.toml --output-file constraints.txt
	$(BIN)/uv pip compile --quiet $(UPGRADE) --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--universal --group peers --constraint constraints.txt pyproject.toml --output-file benchmarks/constraints.txt

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# On a bare machine with Python 3.11 and make: `make demo` or `make test`.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Two cores are shared by processes; more threads in each only get in each other's way.
export OMP_NUM_THREADS ?= 1
export PYTHONUNBUFFERED ?= 1
# The theme advertises its successor at each build.
export NO_MKDOCS_2_WARNING = 1

.PHONY: demo test bench bench-page bench-scale docs lint format install clean
.DEFAULT_GOAL := help

help: ## what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED) ## install, let a small language model learn, evaluate agents of every kind, verify, build the board
	rm -rf runs/demo
	$(BIN)/longrec train billp --env longrec/Games-v0 --episodes 20 -p model=pocket --out runs/demo
	$(BIN)/longrec memory show runs/demo --role planner --limit 3
	$(BIN)/longrec quickstart --out runs/quickstart

test: $(INSTALLED) ## install and run the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

bench: $(INSTALLED) ## speeds as ratios, one process, nothing else running
	mkdir -p .benchmarks
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-columns=median,iqr,rounds --benchmark-warmup=on --benchmark-json=.benchmarks/bench.json -s

bench-page: $(INSTALLED) ## docs/performance.md from what make bench measured
	$(BIN)/python -m tests.benchmarks.page .benchmarks/bench.json

bench-scale: $(INSTALLED) ## a log of 20 million rows from its file to a world with its card: time and memory
	$(BIN)/python -m tests.benchmarks.world_scale

docs: $(VENV)/.docs ## the documentation into site/, with the board if it was built into board/
	$(BIN)/mkdocs build

lint: $(INSTALLED) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(INSTALLED) ## make the virtual environment

# The project's own Python may be called python3; the version is checked by pip through requires-python.
$(INSTALLED): pyproject.toml constraints.txt
	command -v $(PYTHON) >/dev/null && $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	rm -rf longrec.egg-info # pip does not refresh one that is there, and a stale one hides new entry points
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,test]'
	touch $@

$(VENV)/.docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# make demo       set up .venv, distil the embedded demo data, evaluate it, write a report
# make test       set up .venv, run the tests (without the slow ones)
# make test-all   the slow ones as well
# make reliability       infra/RELIABILITY.md, from the tests of faults
# make lint       ruff and mypy
# make sbom       sbom.json: what is installed, with versions and licences (CycloneDX)
# make hashes, make licenses       infra/requirements-hashed.txt, infra/licenses.md
# make clean      remove what make wrote
#
# PYTHON=python3.12 make ...                                    another interpreter
# make ... PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
#                                                               CPU build of torch on Linux

PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUNS ?= runs
# Two processes, a file of tests at a time: many tests wait for Ray, MLflow or a browser.
SIDE_BY_SIDE ?= --numprocesses 2 --dist loadfile

.PHONY: install demo test test-all reliability lint format sbom hashes licenses clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; found " + sys.version.split()[0] + ". Try: make PYTHON=python3.11")'
	@echo "setting up $(VENV) (once, some minutes)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(PIP_FLAGS) --constraint constraints.txt torch
	$(PIP) install --quiet $(PIP_FLAGS) --constraint constraints.txt --editable ".[all,dev]"
	@touch $@

demo: install
	$(BIN)/stemdist demo --out $(RUNS)/demo --overwrite
	@echo
	@echo "look further:"
	@echo "  $(BIN)/stemdist ui $(RUNS)        the runs in MLflow, at http://127.0.0.1:5000"
	@echo "  $(RUNS)/demo/report.html          the report, for a browser"
	@echo "  $(RUNS)/demo/README.md            the dataset card"

test: install
	$(BIN)/python -m pytest -m "not slow" $(SIDE_BY_SIDE)

test-all: install
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

reliability: install
	$(BIN)/python -m pytest --reliability infra/RELIABILITY.md $(SIDE_BY_SIDE)

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

sbom: install
	$(BIN)/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --mc-type application --output-reproducible --of JSON -o sbom.json

hashes: install
	$(PIP) install --quiet --dry-run --ignore-installed --report build-report.json --extra-index-url https://download.pytorch.org/whl/cpu --constraint constraints.txt ".[all,dev]"
	$(BIN)/python infra/supply_chain.py hashes build-report.json
	rm build-report.json

licenses: install
	$(BIN)/python infra/supply_chain.py licenses

clean:
	rm -rf sbom.json $(VENV) $(RUNS)/demo $(RUNS)/demo.previous* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

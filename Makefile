# Each target is a line or two that calls a tool; `make help` lists them.
# Settings: PYTHON=python3.12  FAST=1 (less data, fewer epochs)  NB=02 (one notebook; several: NB="02 04")

PYTHON ?= python3
VENV ?= .venv
BUILD ?= build
CONSTRAINTS ?=

BIN := $(VENV)/bin
TOOLS = PYTHONPATH=tools $(BIN)/python -m coursetools
PYTEST = VAE_FAST=1 $(BIN)/python -m pytest --continue-on-collection-errors --durations=15
# Two at a time; the cells of a notebook, like the tests of a module, stay together in one process.
TWO := -n 2 --dist loadscope
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=300
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
ONLY := $(if $(NB),--only $(NB))
FAST_FLAG := $(if $(filter 1 true yes on,$(FAST)),--fast)

.DEFAULT_GOAL := help
.PHONY: help run notebooks test slow site lab lint kaggle classroom grade benchmark speed lowest platform clean

help: ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: doctor platforms

doctor: ## look at this machine and say what is missing; works before anything is installed
	@$(PYTHON) tools/doctor.py --venv $(VENV)

run: $(VENV)/.ready ## execute every notebook and write readable pages into build/html/
	@$(TOOLS) execute --build $(BUILD) $(FAST_FLAG) $(ONLY)

notebooks: $(VENV)/.ready ## execute in full mode and write the outputs back into notebooks/
	@$(TOOLS) execute --build $(BUILD) --write $(ONLY)
	@$(TOOLS) pictures

test: $(VENV)/.ready-test ## unit tests, notebook lint, and the main line's notebooks in fast mode
	$(PYTEST) $(TWO) -m "not slow and not browser" tests notebooks/*.ipynb $(NBVAL)

slow: $(VENV)/.ready-test ## what takes longer: slow tests, Chromium, two Kaggle renderings, the deeper pages
	$(PYTEST) -m "slow or browser" tests
	test ! -d notebooks/deeper || $(PYTEST) $(TWO) notebooks/deeper $(NBVAL)

site: $(VENV)/.ready-site ## the course as a site to read, with contents and search, into build/site/
	@$(TOOLS) render site --build $(BUILD) $(ONLY)

lab: $(VENV)/.ready ## open JupyterLab on the notebooks
	$(BIN)/python -m jupyter lab --notebook-dir=notebooks

lint: $(VENV)/.ready-test ## style of the code, promises of the notebooks
	$(BIN)/python -m ruff check .
	$(TOOLS) lint

kaggle: $(VENV)/.ready ## one self-contained notebook each into build/kaggle/ (needs KAGGLE_OWNER; ATTACHED=1, GPU=13)
	@$(TOOLS) render kaggle --build $(BUILD)/kaggle $(ONLY) $(if $(ATTACHED),--attached) $(if $(GPU),--gpu $(GPU))

classroom: $(VENV)/.ready-classroom ## student's and teacher's editions, and slides, into build/classroom/
	@$(TOOLS) classroom --build $(BUILD)/classroom $(FAST_FLAG) $(ONLY)

grade: $(VENV)/.ready ## grade what was handed in: FOLDER=submissions [OUT=grades.csv]
	@test -n "$(FOLDER)" || { echo 'Which folder? make grade FOLDER=submissions [OUT=grades.csv]'; exit 2; }
	@$(TOOLS) grade "$(FOLDER)" --out "$(or $(OUT),grades.csv)" $(ONLY)

benchmark: $(VENV)/.ready ## train and measure the models of the benchmark table (goes on where it was stopped)
	$(BIN)/python benchmarks/table.py
	$(BIN)/python benchmarks/check_table.py

speed: $(VENV)/.ready ## measure speed and memory
	$(BIN)/python benchmarks/speed.py

lowest: ## fast mode on the lowest versions that requirements.txt and pyproject.toml allow
	@mkdir -p build
	sed -nE 's/^[ "]*([A-Za-z0-9-]+)>=([0-9.]+).*/\1==\2/p' requirements.txt pyproject.toml > build/lowest.txt
	$(MAKE) run FAST=1 VENV=.venv-lowest BUILD=build/lowest CONSTRAINTS=build/lowest.txt

platform: platforms
platforms: $(VENV)/.ready ## fast mode on the versions of Kaggle and Colab, newest and lowest: P=colab for one
	@$(TOOLS) platforms $(if $(P),--platform $(P)) $(ONLY)

clean: ## remove what was built (.venv stays)
	rm -rf build .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -not -path './.venv*' -exec rm -rf {} +

# Made once, and again when the requirements change.
$(VENV)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) tools/doctor.py --python
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing what the course needs into $(VENV) (some minutes, once)"
	@$(PIP) -r requirements.txt -e '.[pages]'
	@touch $@

$(VENV)/.ready-classroom: $(VENV)/.ready
	@$(PIP) -e '.[pages,classroom]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready
	@$(PIP) -e '.[pages,test]'
	@touch $@

$(VENV)/.ready-site: $(VENV)/.ready
	@$(PIP) -e '.[pages,site]'
	@touch $@

# VENV=path reuses an environment that another clone has made (it weighs 6 GB).
VENV ?= .venv
PYTHON ?= python3
export VIRTUAL_ENV := $(abspath $(VENV))
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)
# This clone's code, also when the environment was made by another clone.
export PYTHONPATH := $(CURDIR)/src
# DVC, git and pip want a home folder that they can write to, and DVC a user with a name; in a container there may be neither.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.home
$(shell mkdir -p "$(HOME)" 2> /dev/null)
endif
export LOGNAME ?= $(or $(shell id -un 2> /dev/null),nobody)
# What `make demo` changes in params.yaml.
DEMO ?= demo/params.yaml
READY := $(VENV)/.digitrec-$(shell cksum < requirements.lock | cut -d' ' -f1)

# The page needs none of PyTorch, but takes the large environment where it is there.
SERVING := $(if $(wildcard $(READY)),$(VENV),.venv-serve)

# All but these write here.
ifneq ($(shell test -w "$(CURDIR)" && echo yes),yes)
ifneq ($(filter-out help $(if $(wildcard $(SERVING)/bin/digitrec),serve),$(MAKECMDGOALS)),)
$(error this checkout cannot be written to; `git clone "$(CURDIR)" FOLDER` makes one that can. `digitrec predict`, `read`, `serve` and `model` work here too)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help install demo repro verify reproduce test test-fast fuzz audit docs wheel serve lint bench seeds lock clean-cache

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## Make .venv from requirements.lock (exact versions), once

# Its name holds the lock file's checksum; file times differ between clones that share an environment.
$(READY):
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f"digitrec needs Python 3.11, 3.12 or 3.13; {sys.executable} is {v[0]}.{v[1]}. Name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --progress-bar off -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY)  ## The whole pipeline on scikit-learn's embedded digits, in .demo: no network, two to four minutes
	python demo/prepare.py .demo "$(DEMO)"
	cd .demo && export PYTHONPATH="$(CURDIR)/.demo/src" && dvc repro && python stages/summary.py

repro: $(READY)  ## The whole pipeline on MNIST (15 to 35 minutes on two cores); only what changed runs again
	@sh stages/without_git.sh
	@python stages/verify.py lock
	dvc repro
	python stages/verify.py
	cp data/export/* src/digitrec/pretrained/
	python stages/summary.py
	@echo "What changed since: dvc status; of the published systems: cd reproduction && dvc status"

verify: $(READY)  ## Results and DVC's cache against dvc.lock, bit by bit; which commit ran what; one system trained again
	python stages/verify.py
	@sh stages/without_git.sh
	dvc repro --quiet download
	python stages/verify_system.py
	python stages/provenance.py

# The shortened run has folders of its own and shares DVC's cache, so that baselines are not fitted again.
FOR_REPRODUCTION := normalize-stats fit-baseline evaluate
reproduce: $(READY)  ## Train the published systems and judge their claims (hours on two cores); QUICK=1: shortened, in .quick
ifdef QUICK
	python demo/prepare.py .quick reproduction/quick.yaml
	cd .quick && dvc cache dir --local ../.dvc/cache
	cd .quick && export PYTHONPATH="$(CURDIR)/.quick/src" && dvc repro $(FOR_REPRODUCTION) && cd reproduction && dvc repro
	cp .quick/reproduction/data/page.md .quick/REPRODUCTION.md
	@echo "Verdicts of the shortened runs: .quick/REPRODUCTION.md; pictures: .quick/reproduction/plots"
else
	@sh stages/without_git.sh && cd reproduction && sh ../stages/without_git.sh
	dvc repro $(FOR_REPRODUCTION)
	cd reproduction && dvc repro
	cp reproduction/data/page.md REPRODUCTION.md
	@echo "Verdicts: REPRODUCTION.md; pictures: reproduction/plots"
endif

test: in-git lint  ## Lint and all tests, with coverage (10 to 25 minutes on two cores)
	coverage erase
	coverage run -m pytest --numprocesses 2 --dist worksteal
	coverage combine --quiet
	coverage report

test-fast: in-git $(READY)  ## For every edit: ruff, and the tests that take no pipeline (under two minutes)
	ruff check .
	pytest --numprocesses 2 --dist worksteal -m "not slow"

# Of each kind of input, and seconds of each search that is guided by what the input reaches.
CASES ?= 10000
SECONDS ?= 120
fuzz: $(READY)  ## Damaged input of each kind that is read, 10,000 cases each (CASES=n); two minutes each with atheris (SECONDS=n)
	CASES=$(CASES) pytest --verbose --timeout 0 tests/test_any_input.py
	@if python -c 'import atheris' 2> /dev/null; then \
	  for what in decode idx; do python -m tests.guided $$what $(SECONDS) || exit 1; done; \
	else echo "Not guided: that takes atheris (pip install atheris)."; fi

# The tools are no part of what they look at.
audit: $(READY)  ## What the environment is made of (dist/digitrec.cdx.json), and what is known against its versions
	$(PYTHON) -m venv .venv-audit && .venv-audit/bin/pip install --quiet pip-audit==2.10.1 cyclonedx-bom==7.5.0
	@mkdir -p dist && rm -f dist/audit.json
	.venv-audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o dist/digitrec.cdx.json $(VENV)
	-@.venv-audit/bin/pip-audit --no-deps --disable-pip --progress-spinner off --format json --output dist/audit.json \
	  --requirement requirements.lock 2> dist/audit.log
	@python docs/audit.py dist/audit.json dist/audit.log

docs: $(READY)  ## The site of README's neighbours, in .site; a link that leads nowhere is an error
	python -m docs.tables
	python -m docs.rooms
	sphinx-build --quiet --fail-on-warning -c docs . .site
	@echo "The site: .site/docs/index.html"

# Its version ends in the commit, which `digitrec model` tells.
wheel:  ## dist/digitrec-*.whl: `digitrec predict` and `serve` with the model inside, without PyTorch
	rm -rf build dist
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist --config-settings="--global-option=egg_info" --config-settings="--global-option=--tag-build=+g$$(git rev-parse --short HEAD)" .
	rm -rf build src/digitrec.egg-info

serve: $(SERVING)/bin/digitrec  ## The page to draw digits on: two minutes in a fresh clone, without PyTorch
	$(SERVING)/bin/digitrec serve

.venv-serve/bin/digitrec: requirements.lock
	$(PYTHON) -m venv .venv-serve
	.venv-serve/bin/python -m pip install --quiet --progress-bar off --constraint requirements.lock .

.PHONY: in-git
in-git:
	@git rev-parse --is-inside-work-tree > /dev/null 2>&1 || \
	  { echo "error: tests clone this project, so git must know it: \`git init && git add -A && git commit\`; in another user's folder \`git config --global --add safe.directory '$(CURDIR)'\`" >&2; exit 1; }

lint: $(READY)  ## Mistakes, format, types, GitHub's workflows, the container file
	ruff check .
	ruff format --check .
	mypy
	jactionlint --strict-exit
	hadolint Containerfile

bench: $(READY)  ## Training, search, stacks, time to 99 %, memory, start-up, side by side (an hour or more on an idle machine; 6.4 GB of disk)
	python benchmarks/training_speed.py
	python benchmarks/step_profile.py
	python benchmarks/augmentation.py
	python benchmarks/stacked.py
	python benchmarks/search.py
	python benchmarks/stage_startup.py
	python benchmarks/time_to_99.py
	python benchmarks/memory.py
	python benchmarks/dispatch.py

seeds: $(READY)  ## Test accuracy over seeds (half an hour on two cores, then two to three hours for `best`); a killed run goes on
	python benchmarks/seeds.py --runs modern_digits modern paper
	python benchmarks/seeds.py --runs best best_digits --seeds 0 1 2

# DVC's cache is left alone: other branches and experiments have their results there, and other projects may share it.
clean-cache:  ## Delete finished fits, downloads and the folders of `demo` and QUICK; results and DVC's cache stay
	@for folder in data/cache reproduction/data/cache .demo .quick .home; do \
	  if [ -e "$$folder" ]; then echo "deleting $$folder ($$(du -sh "$$folder" | cut -f1))"; rm -rf "$$folder"; fi; \
	done
	@echo "Kept: DVC's cache, which dvc gc --workspace --all-branches --all-tags --all-experiments would clear of what nothing here refers to (of other projects' data too, if they share it)."

lock: $(READY)  ## Bring requirements.lock up to date with pyproject.toml: what is new; UPGRADE=1 takes newer versions of all
	$(PYTHON) -m venv .demo/uv && .demo/uv/bin/pip install --quiet uv
	.demo/uv/bin/uv pip compile pyproject.toml --extra dev --extra heic --universal --python-version 3.11 --no-header --no-annotate $(if $(UPGRADE),--upgrade) --output-file requirements.lock

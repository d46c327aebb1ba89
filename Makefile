# `make help` lists the targets. Set-up is done by scripts/setup and can be run again at any time.
BIN := .venv/bin
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with all that training and the demo need
	@scripts/setup train

setup-dev: ## the same, with all that the tests and benchmarks need
	@scripts/setup dev

demo: setup ## the main job on made-up sounds: train, convert, detect, compare (under 5 minutes)
	$(BIN)/python -m benchmarks.demo --out build/demo

bench-accuracy: setup ## train on ../shared/data/soundscapes with three seeds; writes benchmarks/results/accuracy.csv
	$(BIN)/python -m benchmarks.accuracy ../shared/data/soundscapes

bench-quantization: setup ## float, PTQ and QAT after equal steps (after make bench-accuracy); writes benchmarks/results/quantization.csv
	$(BIN)/python -m benchmarks.quantization ../shared/data/soundscapes

lint: setup-dev ## ruff (lint and format), clang-format and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z '*.c' '*.h' ':!tests/convert/golden' | xargs -0 $(BIN)/clang-format --dry-run --Werror
	@scripts/typecheck

format: setup-dev ## let ruff and clang-format rewrite what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z '*.c' '*.h' ':!tests/convert/golden' | xargs -0 $(BIN)/clang-format -i

test: lint ## lint, types and the quick tests (under 10 minutes)
	$(BIN)/python -m pytest -m "not slow"

test-all: lint ## lint, types and every test (under 40 minutes)
	$(BIN)/python -m pytest

soak: setup-dev ## 24 hours of listening, faster than real time: flat memory, exact times (about an hour)
	STAPES_SOAK_HOURS=24 $(BIN)/python -m pytest tests/runtime/test_soak.py

bench-frontend: setup-dev ## the frontend: error, speed beside librosa and pymicro-features, instructions on seven cores
	$(BIN)/python -m benchmarks.frontend

bench-firmware: setup-dev ## what the demo's detector costs on eight boards: instructions, flash, RAM, stack (after make demo)
	$(BIN)/python -m benchmarks.firmware

bench-batch: setup-dev ## how fast a folder is searched: compiled and LiteRT, one and two processes, hours against time (after make demo)
	$(BIN)/python -m benchmarks.batch

bench-suggest: setup-dev ## what `stapes suggest` finds of the events in ../shared/data/soundscapes; writes benchmarks/results/suggest.csv
	$(BIN)/python -m benchmarks.suggest ../shared/data/soundscapes

bench-compiler: setup-dev ## what compiled models cost: instructions, flash, RAM, stack on seven cores, time on this machine
	$(BIN)/python -m benchmarks.compiler
	$(BIN)/python -m benchmarks.compiler_laptop

bench-install: setup-dev ## how large an installation without training is; writes benchmarks/results/install.csv (needs the package index)
	$(BIN)/python -m benchmarks.light_install

dist: setup-dev ## the source distribution and the wheel, in dist/ (needs the package index)
	$(BIN)/pyproject-build

readme: setup-dev ## the README's table from the results of the benchmarks
	$(BIN)/python -m benchmarks.readme_table

docs: setup-dev ## the documentation site in build/site; a warning or a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

lock: ## pin the newest versions that pyproject.toml allows (needs uv)
	scripts/lock --upgrade

clean: ## remove what builds left behind
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup setup-dev demo lint format test test-all soak bench-frontend bench-batch bench-compiler bench-firmware bench-accuracy bench-quantization bench-suggest \
	bench-install dist readme docs lock clean

# `make help` lists the targets. Those that need the virtual environment first bring it up to date with scripts/setup.
# Benchmarks print what they measure and write it to benchmarks/results/*.csv.
BIN := .venv/bin
SEED := 1
# Two files of tests at a time: fixtures that cost much belong to a file, and benchmarks would measure each other.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --benchmark-disable
.DEFAULT_GOAL := help

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with all that training and the demo need
	@scripts/setup train

setup-dev: ## the same, with all that the tests and the benchmarks need
	@scripts/setup dev

demo: setup ## train on synthetic sounds, convert, detect, compare (under 5 minutes)
	$(BIN)/python -m benchmarks.demo --out build/demo

bench-accuracy: setup ## train and judge detectors on rooms and keyboards they never heard, three seeds (hours)
	$(BIN)/python -m benchmarks.accuracy

bench-accuracy-quick: setup ## the same of small and medium in 12 to 20 minutes: one seed, two folds, one keyboard, a third of the updates
	$(BIN)/python -m benchmarks.accuracy --quick --jobs 2

bench-quantization: setup ## compare float, PTQ and QAT after equally many training iterations (after make bench-accuracy)
	$(BIN)/python -m benchmarks.quantization build/accuracy/folds/scape1

lint: setup-dev ## check the code with ruff, clang-format and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z '*.c' '*.h' ':!tests/convert/golden' | xargs -0 $(BIN)/clang-format --dry-run --Werror
	@scripts/typecheck

format: setup-dev ## let ruff and clang-format rewrite what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z '*.c' '*.h' ':!tests/convert/golden' | xargs -0 $(BIN)/clang-format -i

test: lint ## run lint, the type check and the quick tests (under 10 minutes)
	$(PYTEST) -m "not slow"

test-all: lint ## run lint, the type check and every test (under 40 minutes)
	$(PYTEST)

soak: setup-dev ## simulate 24 hours of listening: memory stays flat, times stay exact (half an hour)
	STAPES_SOAK_HOURS=24 $(BIN)/python -m pytest -s tests/runtime/live/test_soak.py

fuzz: setup-dev ## try 125,000 damaged inputs and 1,000 damaged models that compile (hours; other ones: make fuzz SEED=2)
	STAPES_FUZZ_SEED=$(SEED) STAPES_FUZZ_INPUTS=12500 STAPES_FUZZ_COMPILED=1000 $(BIN)/python -m pytest tests/fuzz

bench-frontend: setup-dev ## measure error and speed of the frontend, and its instructions on seven cores
	$(BIN)/python -m benchmarks.frontend

bench-firmware: setup-dev ## measure instructions, flash, RAM and stack of the demo's detector on eight boards (after make demo)
	$(BIN)/python -m benchmarks.firmware

bench-batch: setup-dev ## measure how fast a folder of recordings is searched (after make demo)
	$(BIN)/python -m benchmarks.batch

bench-suggest: setup-dev ## measure what `stapes suggest` finds in ../shared/data/soundscapes, and how alike the most alike are
	$(BIN)/python -m benchmarks.suggest ../shared/data/soundscapes
	$(BIN)/python -m benchmarks.alike ../shared/data/soundscapes

bench-doubtful: setup ## measure how many of the sounds that detectors doubt most are mistakes (after the detectors of baseline are trained)
	$(BIN)/python -m benchmarks.doubtful build/accuracy/baseline

bench-compiler: setup-dev ## measure instructions, flash, RAM and stack of compiled models on seven cores, and their time here
	$(BIN)/python -m benchmarks.compiler
	$(BIN)/python -m benchmarks.compiler_laptop

bench-timing: setup-dev ## predict cycles of two networks on four cores, and print how far predictions are from published times
	$(BIN)/python -m benchmarks.timing

bench-models: setup-dev ## compile every .tflite below a folder and compare with LiteRT: make bench-models FOLDER
	$(BIN)/python -m benchmarks.models $(or $(filter-out $@,$(MAKECMDGOALS)),../shared/models)

bench-install: setup-dev ## measure the size of an installation without training (needs the package index)
	$(BIN)/python -m benchmarks.light_install

dist: setup-dev ## build the source distribution and the wheel in dist/ (needs the package index)
	$(BIN)/pyproject-build

readme: setup-dev ## write the README's tables from benchmarks/results
	$(BIN)/python -m benchmarks.readme_table

docs: setup-dev ## build the documentation site in build/site; a warning or a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

lock: ## pin the newest versions that pyproject.toml allows in requirements/ (needs uv and the package index)
	scripts/lock --upgrade

clean: ## remove what builds left behind; the next target that needs it builds it again
	rm -rf build dist *.egg-info firmware_sim/_native.c firmware_sim/_native.*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup setup-dev demo lint format test test-all soak fuzz bench-frontend bench-batch bench-compiler bench-timing bench-models bench-firmware bench-accuracy bench-accuracy-quick bench-quantization bench-suggest bench-doubtful \
	bench-install dist readme docs lock clean

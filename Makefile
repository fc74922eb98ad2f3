# These targets need Python ≥ 3.11, pip, and make. `make demo` shows what charlm does, and `make test` runs its tests.

PYTHON ?= python3
BIN := .venv/bin
# Compile each module once, not in every process that the tests start.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-variants test-install test-browser lint docs docs-pages bench gpu soak audit clean

demo: checkpoints/demo/model.safetensors
	$(BIN)/charlm sample --model demo --prompt "def " --temperature 0.7
	$(BIN)/charlm score --model demo "return self" "nruter fles"

checkpoints/demo/model.safetensors: demo/stdlib.txt
	$(BIN)/charlm train demo/stdlib.txt --model demo --minutes 2 --overwrite

demo/stdlib.txt: .venv/installed
	mkdir -p demo
	$(BIN)/charlm corpus stdlib > $@.part
	mv $@.part $@

test: .venv/installed-dev
	$(BIN)/pytest -n auto --dist worksteal

# Run the numeric tests under each variant of the compiled loops that this processor has; `none` is plain torch.
# tests/nn/test_native.py is left out, since it goes through the variants by itself.
NUMERIC := tests/nn --ignore tests/nn/test_native.py tests/scoring tests/training/test_learner.py \
    tests/generation/test_beam.py tests/generation/test_samplers.py tests/generation/test_sampling.py
test-variants: .venv/installed-dev
	@set -e; for variant in bf16 avx512 avx2 baseline none; do \
	    if CHARLM_NATIVE=$$variant $(BIN)/charlm info --system > /dev/null 2> .venv/refusal; then \
	        echo "testing the variant $$variant"; \
	        CHARLM_NATIVE=$$variant $(BIN)/pytest -n auto --dist worksteal $(NUMERIC); \
	    elif grep -q CHARLM_NATIVE .venv/refusal; then \
	        echo "skipping the variant $$variant: $$(cat .venv/refusal)"; \
	    else \
	        cat .venv/refusal; exit 1; \
	    fi; \
	done

# Build the sdist and the wheel, and use each from a fresh environment outside the clone. DIST=FOLDER keeps them.
test-install:
	DIST="$(DIST)" scripts/check_install.sh

# Test the HTML pages in a real browser, Debian's chromium. .ci/run installs it.
test-browser: .venv/installed-dev
	$(BIN)/pytest tests/browser

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typed_program.py

# Generate the pages that come from the code, then build the site in site/. A broken link or a warning fails.
docs: .venv/installed-docs docs-pages
	$(BIN)/zensical build --clean --strict

docs-pages: .venv/installed
	$(BIN)/python docs/generate.py

# Measure speed as ratios within one run, then how well n-grams and every cell predict. This takes 45 minutes; run nothing
# else meanwhile. benchmarks/README.md names the commands behind the other figures.
SPEED := recurrence training_step sampling scoring kenlm_scoring startup saving
bench: .venv/installed-dev demo/stdlib.txt
	$(BIN)/charlm info --system
	for each in $(SPEED); do $(BIN)/python benchmarks/$$each.py; echo; done
	$(BIN)/python benchmarks/ngram.py 1 corpora/cats.txt demo/stdlib.txt $(wildcard tinyshakespeare.txt)
	$(BIN)/python benchmarks/cells.py

# Compare a GPU with the CPU, then measure it. This takes ten minutes; run nothing else meanwhile. Without a GPU,
# `make gpu DEVICE=cpu GPU_RUNS=--quick` runs every line that needs none, once; its figures say nothing.
DEVICE ?= cuda
GPU_RUNS ?= $(wildcard tinyshakespeare.txt) demo/stdlib.txt
gpu: .venv/installed-dev demo/stdlib.txt
	CHARLM_TEST_DEVICE=$(DEVICE) $(BIN)/pytest tests/test_device.py tests/checkpoints/test_checkpoint.py
	$(BIN)/python benchmarks/gpu.py --device $(DEVICE) $(GPU_RUNS)

# Run the tests that are too long for every commit: 200 kills, longer runs of the state machine, two hosts (as root, on
# Linux), then minutes of fuzzing.
SOAK_MINUTES ?= 10
soak: .venv/installed-dev
	CHARLM_SOAK=1 $(BIN)/pytest --timeout 3600 tests/reliability tests/checkpoints tests/training/test_distributed.py tests/tokenizers/test_tokenizers.py \
	    tests/server/test_load.py tests/hosts tests/docs/test_scheduler_page.py
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python fuzz/fuzz_parsers.py -max_total_time=$$((60 * $(SOAK_MINUTES))) -rss_limit_mb=4096

# Look up known vulnerabilities of the installed packages in PyPI's database. This target never fails.
audit: .venv/installed
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	-$(BIN)/python -m pip_audit --progress-spinner off

.venv/installed: pyproject.toml setup.py constraints.txt $(wildcard charlm/*/native/*.c charlm/*/native/*.h)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf .venv demo site checkpoints/demo

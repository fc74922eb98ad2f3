# On a machine with Python ≥ 3.11, pip and make: `make demo` shows what charlm does, `make test` checks that it does.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-browser lint docs docs-pages bench soak audit clean

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

# The pages that charlm writes, in a real browser: Debian's chromium, which .ci/run installs.
test-browser: .venv/installed-dev
	$(BIN)/pytest tests/browser

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The pages that come from the code, then the site in site/; a broken link or a warning fails.
docs: .venv/installed-docs docs-pages
	$(BIN)/zensical build --clean --strict

docs-pages: .venv/installed
	$(BIN)/python docs/generate.py

# The figures of speed, each a ratio measured in one run, then how well n-grams and every cell predict: three quarters of an
# hour in which nothing else should run. benchmarks/README.md names the commands behind the others.
SPEED := recurrence training_step sampling scoring kenlm_scoring startup saving
bench: .venv/installed-dev demo/stdlib.txt
	for each in $(SPEED); do $(BIN)/python benchmarks/$$each.py; echo; done
	$(BIN)/python benchmarks/ngram.py 1 corpora/cats.txt demo/stdlib.txt $(wildcard tinyshakespeare.txt)
	$(BIN)/python benchmarks/cells.py

# What no commit waits for: two hundred kills, longer runs of the state machine, then minutes of fuzzing.
SOAK_MINUTES ?= 10
soak: .venv/installed-dev
	CHARLM_SOAK=1 $(BIN)/pytest tests/reliability/test_kills.py tests/reliability/test_resume_machine.py tests/training/test_distributed.py
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python fuzz/fuzz_parsers.py -max_total_time=$$((60 * $(SOAK_MINUTES))) -rss_limit_mb=4096

# Known holes in what is installed, by the database of PyPI: the one target that asks the network. It never fails.
audit: .venv/installed
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	-$(BIN)/python -m pip_audit --progress-spinner off

.venv/installed: pyproject.toml setup.py constraints.txt $(wildcard charlm/nn/native/*.c charlm/nn/native/*.h)
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

# Each command sets up what it needs in .venv; the second time it starts at once.
PYTHON ?= python3
unexport PYTHONDONTWRITEBYTECODE  # Python is started hundreds of times
BIN := .venv/bin
SETUP := setup.cfg setup.py pyproject.toml

# A file of tests is one worker's, which keeps what its tests share; long ones come first.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# What the engine's own tests are: they run over both cores.
ENGINE := $(addprefix tests/test_,engine.py backward.py gradients.py ops.py memory.py cores.py \
	arrays.py checks.py karpathy.py)

.PHONY: browser conformance coverage demo docs fuzz notebooks pictures test test-all mutate native lint bench bench-compile clean

demo: .venv/.installed
	$(BIN)/micrograd step

pictures: .venv/.installed-test
	$(BIN)/python docs/draw.py
	$(BIN)/python docs/neuron.py
	$(BIN)/python docs/torch_names.py

docs: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	$(BIN)/python docs/site.py build/site-source
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file build/site-source/mkdocs.yml --site-dir ../site
	@echo build/site/index.html

notebooks: .venv/.installed-notebook
	$(BIN)/jupyter notebook notebooks

test: .venv/.installed-test lint browser
	$(PYTEST)
	MICROGRAD_PURE=1 $(PYTEST) --quiet $(ENGINE)

# Pages are tested in Chromium: Debian's, which root can install; without it those tests are skipped.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	} || echo "Chromium is missing, and tests of pages are skipped: apt-get install chromium"

test-all: .venv/.installed-test lint browser
	$(PYTEST) -m ""

SEED ?= 1
EACH ?= 1

mutate: .venv/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[trust]"
	$(BIN)/python tests/mutate.py --seed $(SEED) --each $(EACH) --write

MINUTES ?= 60

fuzz: .venv/.installed-test
	$(BIN)/python tests/fuzzing.py --minutes $(MINUTES)

conformance: .venv/.installed-test
	$(BIN)/python docs/conformance.py

coverage: .venv/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[trust]"
	$(PYTEST) --cov --cov-report=
	$(PYTEST) --quiet -m "" --cov --cov-append --cov-report= tests/test_torch_scripts.py
	MICROGRAD_PURE=1 $(PYTEST) --quiet --cov --cov-append --cov-report=term --cov-fail-under=95 $(ENGINE)

native: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "setuptools>=77"
	$(BIN)/python csrc/build.py

lint: .venv/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/.installed-test build/peers/micrograd
	$(BIN)/python benchmarks/bench_eager.py --peer build/peers

bench-compile: .venv/.installed-test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python benchmarks/bench_compile.py
	$(BIN)/python benchmarks/bench_compile.py --cost

build/peers/micrograd:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps \
		--target build/peers micrograd==0.1.0

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: $(SETUP) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

# What is used of these packages is compiled when it is: a third of what they have.
.venv/.installed-test: $(SETUP) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable ".[test]"
	touch $@ .venv/.installed

.venv/.installed-notebook: $(SETUP) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[notebook]"
	touch $@ .venv/.installed

clean:
	rm -rf .venv build out

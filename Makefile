# make demo   a voice and a report from the embedded corpus     make check  format, types, imports
# make test   the whole suite                                   make bench  ratios against references
# make faults kills and collisions, for minutes                 benchmarks/full_size.py is apart: it wants 25 GB
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check bench faults
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	. $(BIN)/activate && tts doctor && dvc repro
	@echo "report:  data/report/index.html"
	@echo "samples: data/audio/demo/"

test: $(INSTALLED)
	. $(BIN)/activate && pytest -n auto --dist loadfile --no-loadscope-reorder

faults: $(INSTALLED)
	. $(BIN)/activate && pytest -m faults

check: $(INSTALLED)
	. $(BIN)/activate && ruff format --check . && ruff check . && mypy && lint-imports

bench: $(INSTALLED)
	. $(BIN)/activate && for name in alignment features text training vocoders; do python benchmarks/$$name.py || exit 1; done

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

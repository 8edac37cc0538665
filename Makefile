# `make book` builds, `make test` proves, `make help` lists the rest.
VENV := .venv
PYTHON := $(VENV)/bin/python
COURSE_VENV := .venv-course
SOURCES := $(shell find _config.yml _toc.yml intro.md references.bib requirements.txt pyproject.toml \
	chapters appendices thermolib _ext _assets -type f \
	-not -path '*/__pycache__/*' -not -path '*/.ipynb_checkpoints/*')

.PHONY: help book read test course-env test-course lab execute mutants benchmark clean

help:
	@echo "make book       build the book, every notebook executed"
	@echo "make read       serve the built book at http://localhost:8000"
	@echo "make test       library, notebooks and built pages"
	@echo "make test-course  problem sets and the grading of a class, in an environment of their own"
	@echo "make lab        open the notebooks in JupyterLab"
	@echo "make execute    run the chapters and store their outputs"
	@echo "make mutants    plant faults in thermolib and count how many the tests catch"
	@echo "make benchmark  time the integrator"
	@echo "make clean      remove what was built"

$(VENV)/.installed: requirements.txt pyproject.toml
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# From scratch: Sphinx cannot tell that a notebook depends on thermolib.
_build/.built: $(VENV)/.installed $(SOURCES)
	rm -rf _build
	$(VENV)/bin/jupyter-book build . -W -n --keep-going
	touch $@

book: _build/.built
	@echo "First page: $(CURDIR)/_build/html/index.html"
	@echo "To serve it: make read"

read: book
	$(PYTHON) -m http.server --directory _build/html 8000

# The accessibility checker; without npm its tests skip and say so.
tests/node_modules/.installed: tests/package.json
	if command -v npm >/dev/null; then npm install --prefix tests --ignore-scripts --no-package-lock \
		--no-audit --no-fund --loglevel=error && touch $@; fi

test: book tests/node_modules/.installed
	$(PYTHON) -m pytest -n 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout=120 \
		tests chapters

$(COURSE_VENV)/.installed: requirements-course.txt requirements.txt pyproject.toml course/pyproject.toml
	python3 -m venv $(COURSE_VENV)
	$(COURSE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-course.txt
	$(COURSE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e . -e course
	touch $@

course-env: $(COURSE_VENV)/.installed
	@echo "To grade: $(CURDIR)/$(COURSE_VENV)/bin/thermograde --help"

test-course: $(COURSE_VENV)/.installed
	$(COURSE_VENV)/bin/python -m pytest -n 2 --dist loadfile tests_course

lab: $(VENV)/.installed
	$(VENV)/bin/jupyter lab --notebook-dir=chapters

execute: $(VENV)/.installed
	cd chapters && ../$(VENV)/bin/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.store_widget_state=False --ExecutePreprocessor.record_timing=False *.ipynb

mutants: $(VENV)/.installed
	$(PYTHON) tests/mutants.py

benchmark: $(VENV)/.installed
	$(PYTHON) benchmarks/langevin.py

clean:
	rm -rf _build

# `make book` builds, `make test` proves, `make help` lists the rest.
VENV := .venv
PYTHON := $(VENV)/bin/python
EDITION := what-thinking-costs-$(shell sed -n 's/^version: //p' CITATION.cff)
SOURCES := $(shell find _config.yml _toc.yml intro.md references.bib requirements.txt pyproject.toml \
	CITATION.cff README.md LICENSE LICENSE-TEXT chapters appendices thermolib _ext _assets -type f \
	-not -path '*/__pycache__/*' -not -path '*/.ipynb_checkpoints/*')

.PHONY: help book read offline pdf site test test-pdf lab execute mutants benchmark benchmark-pages clean

help::
	@echo "make book       build the book, every notebook executed"
	@echo "make read       serve the built book at http://localhost:8000"
	@echo "make offline    the book as one zip, to unpack and read anywhere"
	@echo "make pdf        the book as one PDF"
	@echo "make site       the folder to publish: the book with its zip and its PDF"
	@echo "make test       library, notebooks and built pages"
	@echo "make test-pdf   the PDF of the whole book"
	@echo "make lab        open the notebooks in JupyterLab"
	@echo "make execute    run the chapters and store their outputs"
	@echo "make mutants    plant faults in thermolib and count how many the tests catch"
	@echo "make benchmark  time the integrator"
	@echo "make benchmark-pages  time the first visit of each page and every widget"
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

offline: book
	PYTHONPATH=_ext $(PYTHON) -m taking.offline _build/html dist/$(EDITION).zip

pdf: book
	PYTHONPATH=_ext $(PYTHON) -m taking.pdf _build/html dist/$(EDITION).pdf

site: offline pdf
	PYTHONPATH=_ext $(PYTHON) -m taking.site _build/html _build/site dist/$(EDITION).zip dist/$(EDITION).pdf

# The accessibility checker; without npm its tests skip and say so.
tests/node_modules/.installed: tests/package.json
	if command -v npm >/dev/null; then npm install --prefix tests --ignore-scripts --no-package-lock \
		--no-audit --no-fund --loglevel=error && touch $@; fi

test: book tests/node_modules/.installed
	$(PYTHON) -m pytest -n 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout=120 \
		tests chapters

test-pdf: book
	WHOLE_BOOK=1 $(PYTHON) -m pytest tests/test_pdf.py

lab: $(VENV)/.installed
	$(VENV)/bin/jupyter lab --notebook-dir=chapters

execute: $(VENV)/.installed
	cd chapters && ../$(VENV)/bin/jupyter nbconvert --to notebook --execute --inplace \
		--ExecutePreprocessor.store_widget_state=False --ExecutePreprocessor.record_timing=False *.ipynb
	cd chapters && ../$(VENV)/bin/jupyter nbconvert --to notebook --inplace --log-level=WARN \
		--CoalesceStreamsPreprocessor.enabled=True *.ipynb  # what one cell prints, in one piece

mutants: $(VENV)/.installed
	$(PYTHON) tests/mutants.py

benchmark: $(VENV)/.installed
	$(PYTHON) benchmarks/langevin.py

benchmark-pages: book
	$(PYTHON) benchmarks/pages.py

clean:
	rm -rf _build dist

# Not in the copy that students get.
-include course/course.mk

# What the Makefile of the book has beyond it where the course is.
COURSE_VENV := .venv-course

.PHONY: course-env test-course

help::
	@echo "make course-env   the environment for grading, in .venv-course"
	@echo "make test-course  problem sets and the grading of a class"

$(COURSE_VENV)/.installed: requirements-course.txt requirements.txt pyproject.toml course/pyproject.toml
	python3 -m venv $(COURSE_VENV)
	$(COURSE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-course.txt
	$(COURSE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e . -e course
	touch $@

course-env: $(COURSE_VENV)/.installed
	@echo "To grade: $(CURDIR)/$(COURSE_VENV)/bin/thermograde --help"

test-course: $(COURSE_VENV)/.installed
	$(COURSE_VENV)/bin/python -m pytest -n 2 --dist loadfile tests_course

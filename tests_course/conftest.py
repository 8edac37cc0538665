"""What the tests of the course share: the sandbox or a reason why there is none, the problem sets, small classes."""

import os

import nbformat
import pytest
import small_set
from thermograde import problemset, sandbox
from thermograde.course import Course
from thermograde.sandbox import Limits

#: As large as this machine is slower, or busier, than two free cores.
SLOWDOWN = float(os.environ.get("SLOWDOWN", 1))
#: Where time is not what is tested, however slow a machine is.
PATIENT = Limits(cell_seconds=600, student_seconds=1800)


@pytest.fixture(scope="session", autouse=True)
def working_sandbox():
    """Without bubblewrap the tests say so; where REQUIRE_SANDBOX is set, as in CI, that is a failure."""
    try:
        sandbox.self_test(PATIENT)
    except sandbox.NoSandbox as reason:
        if os.environ.get("REQUIRE_SANDBOX"):
            pytest.fail(f"the sandbox is required here: {reason}", pytrace=False)
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def problem_set():
    return problemset.load("ps1_landauer")


@pytest.fixture(scope="session")
def release(problem_set, tmp_path_factory):
    """The released notebook of problem set 1."""
    path = Course.create(tmp_path_factory.mktemp("release")).release(problem_set)
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A folder with one small problem set: a number, a shared judgment, and a text that a person grades."""
    return small_set.write(tmp_path_factory.mktemp("assignments"))

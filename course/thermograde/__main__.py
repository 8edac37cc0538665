"""The commands: `thermograde COMMAND --help` tells about each."""

import argparse
import os
import sys
from pathlib import Path

from thermograde import classroom, handout, problemset, sandbox, trial
from thermograde.course import Course
from thermograde.sandbox import Limits


def _refuse_root(arguments: argparse.Namespace) -> None:
    if os.geteuid() == 0 and not arguments.as_root:
        raise ValueError("refusing to grade as root: use an account of its own, or say --as-root (students' code then runs "
                         "as a user that owns nothing)")


def _limits(arguments: argparse.Namespace) -> Limits:
    return Limits(cell_seconds=arguments.cell_seconds, student_seconds=arguments.student_seconds,
                  memory=int(arguments.memory * 2**30))


def new(arguments: argparse.Namespace) -> int:
    course = Course.create(arguments.course, arguments.assignments)
    print(f"Course folder: {course.root}\nList the students in {course.root / 'roster.csv'}")
    return 0


def release(arguments: argparse.Namespace) -> int:
    course = Course.open(arguments.course, arguments.assignments)
    print(course.release(problemset.load(arguments.set, course.assignments)))
    return 0


def grade(arguments: argparse.Namespace) -> int:
    _refuse_root(arguments)
    course = Course.open(arguments.course, arguments.assignments)
    rows = classroom.grade(course, problemset.load(arguments.set, course.assignments), limits=_limits(arguments),
                           jobs=arguments.jobs, sandboxed=not arguments.no_sandbox, again=arguments.again,
                           due=arguments.due)
    print(classroom.table(rows))
    print(f"\nCSV       {course.root / 'grades' / arguments.set}.csv"
          f"\nfeedback  {course.root / 'feedback'}/STUDENT/{arguments.set}/")
    return 0


def try_set(arguments: argparse.Namespace) -> int:
    _refuse_root(arguments)
    problem_set = problemset.load(arguments.set, arguments.assignments)
    if not arguments.no_sandbox:
        sandbox.self_test(_limits(arguments))
    unexpected = 0
    for t in trial.trials(problem_set, _limits(arguments), not arguments.no_sandbox, arguments.jobs or 1):
        print(f"{t.points:5g} of {t.most:g}  {t.name}")
        for test_id, verdict in t.verdicts.items():
            if verdict.earned < 1 and t.name != "blank release":
                print(f"          {test_id}: {verdict.text}")
        for line in t.unexpected:
            unexpected += 1
            print(f"          UNEXPECTED {line}")
    return 1 if unexpected else 0


def copy(arguments: argparse.Namespace) -> int:
    written = handout.make(arguments.destination, arguments.set, Path(arguments.assignments).parent)
    print(f"{len(written)} files in {arguments.destination}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="thermograde", description="Grades the problem sets of the book.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, function, help, needs_set=True, course=True, runs=False):
        sub = commands.add_parser(name, help=help, description=help)
        if needs_set:
            sub.add_argument("set", help="problem set, for example ps1_landauer")
        if course:
            sub.add_argument("--course", default=".", help="course folder (default: this one)")
        sub.add_argument("--assignments", default=problemset.ASSIGNMENTS, help="folder of the problem sets")
        if runs:
            default = Limits()
            sub.add_argument("--jobs", type=int, help="how many students at once (default: one for each processor)")
            sub.add_argument("--cell-seconds", type=float, default=default.cell_seconds, help="limit (%(default)g)")
            sub.add_argument("--student-seconds", type=float, default=default.student_seconds, help="limit (%(default)g)")
            sub.add_argument("--memory", type=float, default=default.memory / 2**30, help="limit, in GB (%(default)g)")
            sub.add_argument("--no-sandbox", action="store_true",
                             help="run students' code as yourself: only if you trust it")
            sub.add_argument("--as-root", action="store_true", help="grade although you are root")
        sub.set_defaults(function=function)
        return sub

    command("new", new, "make a course folder", needs_set=False)
    command("release", release, "make the notebook that students get")
    sub = command("grade", grade, "grade a class, or those of it who are not graded yet", runs=True)
    sub.add_argument("--due", help="due date, like '2026-10-30 23:59 +0100' (UTC if it does not say); is remembered")
    sub.add_argument("--again", action="store_true", help="grade everybody again")
    command("try", try_set, "score reference solution, blank release and usual mistakes", course=False, runs=True)
    sub = command("handout", copy, "make the copy of the book that students get", needs_set=False, course=False)
    sub.add_argument("destination", type=Path, help="folder to make")
    sub.add_argument("set", nargs="*", help="problem sets to put in")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        return arguments.function(arguments)
    except BlockingIOError:
        print("thermograde: this class is being graded already", file=sys.stderr)
    except (ValueError, sandbox.NoSandbox) as error:
        print(f"thermograde: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("thermograde: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 2


if __name__ == "__main__":
    sys.exit(main())

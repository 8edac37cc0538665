"""Grades the problem sets of the book: a thin layer on nbgrader for students whose code is not trusted.

nbgrader keeps the source format, the release, the gradebook and the feedback pages. This package adds what a class needs:

    checks      what a right answer is and what the usual wrong ones are, outside of the student's kernel
    problemset  one problem set: its source notebook, its checks, and mistakes to test them with
    intake      reads a submission and merges its answers into the released notebook
    sandbox     runs a notebook under bubblewrap and limits; runner.py and emit.py are what runs inside
    course      the course folder and how nbgrader is configured for it
    student     grades one student, in a process of its own
    classroom   grades a class: progress, table, CSV
    trial       what the reference solution, the blank release and the usual mistakes score
    handout     the copy of the book that students get

Bad input raises ValueError with the rule and the value.
"""

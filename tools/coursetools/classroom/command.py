"""Write the editions for a class: student's, teacher's, slides; with --nbgrader also its source.

    python -m coursetools classroom [--only 05] [--fast] [--no-execute] [--nbgrader]

`build/classroom/` gets `student/` (blanks, no folded answers, a package without the solutions; also
as student.zip), `teacher/` (the course's solutions in the place of the blanks, executed; full mode,
some minutes a notebook, or --fast) and `slides/` (open `slides/05_reduction_pitfall.html`; nothing
is asked of the network). A teacher's notebook that fails, or whose own solutions are not right, is
named, and the exit status is 1.
"""

import argparse
import os
from pathlib import Path

from coursetools import notebooks
from coursetools.classroom import slides, student, teacher


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(
        prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    notebooks.add_choice(parser)
    parser.add_argument("--build", type=Path, default=notebooks.BUILD / "classroom")
    parser.add_argument("--fast", action="store_true", help="execute in fast mode (VAE_FAST=1)")
    parser.add_argument("--no-execute", action="store_true", help="solved, but not executed")
    parser.add_argument("--nbgrader", action="store_true", help="also a course for nbgrader")
    options = parser.parse_args(arguments)
    if options.fast:
        os.environ["VAE_FAST"] = "1"
    paths = notebooks.find_notebooks(options.notebooks, options.only)
    archive = student.write(paths, options.build / "student")
    print(f"student's edition: {options.build / 'student'}, {archive.name}", flush=True)
    slides.write(paths, options.build / "slides")
    print(f"slides: {options.build / 'slides'}", flush=True)
    if options.nbgrader:
        from coursetools.classroom import nbgrader

        written = nbgrader.write(paths, options.build / "nbgrader")
        print(f"nbgrader's course: {options.build / 'nbgrader'}, {len(written)} assignments")
    failed = 0
    for number, path in enumerate(paths, start=1):
        print(f"teacher's edition [{number}/{len(paths)}] {notebooks.name_of(path)} ", end="")
        error = teacher.write(path, options.build / "teacher", not options.no_execute)
        print(error or "ok", flush=True)
        failed += bool(error)
    return 1 if failed else 0

r"""Grade a folder of submitted notebooks: points, feedback, and which mistake how many made.

    python -m coursetools grade FOLDER --out grades.csv

FOLDER holds `ada.ipynb`, or `ada/any_name.ipynb`, as a learning platform gives them out. Each
notebook is executed in fast mode in a process of its own, in an empty folder; then every answer is
judged by the name of its variable with the course's own questions. Cell metadata, file names,
doubled cells and a cell that fails do no harm. Two run at a time; what was graded is kept, and a
second call goes on where the first was stopped.

Written: the CSV (one row a learner), and beside it, in a folder of its name, `class.html`,
`feedback/` and `kept/`. The exit status is 0 when everything could be graded, 1 when something
could not (time-out, crash, unreadable, empty, twice, unknown), 2 when there is nothing to grade.

The code of the learners runs with your rights. For submissions of strangers use a container:

    docker run --rm --network none --memory 8g --cpus 2 -v "$PWD":/course:ro \
        -v FOLDER:/in:ro -v "$PWD"/grades:/out -w /course \
        -e PYTHONPATH=/course/tools IMAGE python -m coursetools grade /in --out /out/grades.csv
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from coursetools.files import write_atomically
from coursetools.grade import collect, execute, report, results

AT_A_TIME = 2


def grade_all(submissions, kept, limits, jobs=AT_A_TIME, again=False):
    """Grade submissions, some at a time, and return them in their order.

    Args:
        submissions: what `collect.collect` found.
        kept: `results.Kept`, asked first and told last.
        limits: `execute.Limits`.
        jobs: how many run at a time.
        again: whether to run also what is kept.
    """
    graded = {}
    for one in submissions:
        if one.problem:
            graded[one] = results.grade(one, None)
        elif not again and (known := kept.get(one)):
            graded[one] = known
    todo = [one for one in submissions if one not in graded]
    with (
        tempfile.TemporaryDirectory(prefix="vae-fonts-") as fonts,
        tqdm(total=len(submissions), initial=len(graded), unit="notebook", disable=None) as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):
        waiting = {
            pool.submit(execute.run, one.files[0], one.assignment, limits, Path(fonts)): one
            for one in todo
        }
        try:
            for future in as_completed(waiting):
                one = waiting[future]
                graded[one] = results.grade(one, future.result())
                kept.put(one, graded[one])
                bar.update()
        except BaseException:
            for future in waiting:
                future.cancel()
            execute.stop_all()
            raise
    return [graded[one] for one in submissions]


def summary(graded):
    """Return lines for the terminal: how many were graded, and each that could not be."""
    failed = [one for one in graded if not one.is_graded]
    lines = [f"{len(graded) - len(failed)} of {len(graded)} graded."]
    lines += [f"  not graded: {one.learner}: {one.status}" for one in failed]
    lines += [
        f"  to look at: {one.learner}: {one.status}"
        for one in graded
        if one.is_graded and one.status != "ok"
    ]
    return lines + sorted({f"  {one.warning}" for one in graded if one.warning})


def main(arguments=None, prog=None):
    parser = argparse.ArgumentParser(
        prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = execute.Limits()
    parser.add_argument("folder", type=Path, help="what was handed in")
    parser.add_argument("--out", type=Path, default=Path("grades.csv"), help="the CSV")
    only = "beginnings of names, such as 05; what is of other notebooks is left out"
    parser.add_argument("--only", nargs="*", default=[], help=only)
    parser.add_argument("--jobs", type=int, default=AT_A_TIME, help="how many at a time")
    parser.add_argument("--again", action="store_true", help="run also what was graded before")
    parser.add_argument("--seconds", type=int, default=default.seconds, help="for a notebook")
    parser.add_argument("--cell-seconds", type=int, default=default.cell_seconds)
    parser.add_argument("--memory-gb", type=float, default=default.memory / 2**30)
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"{options.folder} is no folder: name the one with what was handed in.")
        return 2
    course = collect.assignments()
    found = collect.collect(options.folder, course)
    if options.only:
        chosen = [one for one in course if one.name.startswith(tuple(options.only))]
        found = [one for one in found if one.assignment is None or one.assignment in chosen]
    if not found:
        which = f" of notebook {' '.join(options.only)}" if options.only else ""
        print(f"{options.folder} holds nothing{which} to grade: expected ada.ipynb or ada/x.ipynb.")
        return 2
    limits = execute.Limits(options.seconds, options.cell_seconds, int(options.memory_gb * 2**30))
    if not execute.no_network():
        print("Warning: this system does not let you take the network from a process (unshare).")
    pages = options.out.with_suffix("")
    kept = results.Kept(pages / "kept", limits)
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what runs, as Ctrl-C does
    try:
        graded = grade_all(found, kept, limits, max(1, options.jobs), options.again)
    except KeyboardInterrupt:
        print("Stopped; what was graded is kept. The same command goes on from here.")
        return 130
    write_atomically(options.out, results.table(graded))
    report.write_pages(graded, pages)
    print(*summary(graded), sep="\n")
    print(f"Table: {os.path.relpath(options.out)}   pages: {os.path.relpath(pages)}/class.html")
    return 0 if all(one.is_graded for one in graded) else 1


if __name__ == "__main__":
    sys.exit(main())

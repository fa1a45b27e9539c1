"""Measure a class on one machine: kernels at once, package and data in one read-only folder.

    python benchmarks/classroom.py                   8 kernels, notebook 5 in fast mode
    python benchmarks/classroom.py --kernels 4 --only 02

The student's edition is written into a folder and made read-only. Each kernel has a folder of its
own, and is offline. Measured: seconds and peak memory of each kernel, the least memory that was
free, and whether anything was written beside the package or the data. The results go to
results/classroom.json, and as a table into docs/grading.md, with the arithmetic for 30 learners.
"""

import argparse
import compileall
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import store
from coursetools import notebooks
from coursetools.classroom import student
from coursetools.grade.execute import environment

CLASS = 30
# Root may write what has no write permission, so for root both folders are mounted read-only.
READ_ONLY = 'for f in "$1" "$2"; do mount --bind "$f" "$f"; mount -o remount,bind,ro "$f"; done'
AS_ROOT = ["unshare", "--mount", "sh", "-e", "-c", f'{READ_ONLY}; shift 2; exec "$@"', "sh"]
PAGE = store.ROOT / "docs" / "grading.md"
RUN = """
import json, resource, sys
from pathlib import Path
from coursetools.execute import execute
path, folder = map(Path, sys.argv[1:])
_, result = execute(path, timeout=1800, folder=folder)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": result.seconds, "peak": result.peak_bytes, "error": result.error,
                  "sources": result.sources, "cpu": used.ru_utime + used.ru_stime}))
"""


def listing(folder):
    """Return {file: (size, time of change)} of all files below a folder."""
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    stats = {str(path): path.stat() for path in paths}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def shared_folder(path, folder):
    """Write the student's edition and the tools into a folder, compiled, and make it read-only."""
    student.write([path], folder / "student")
    shutil.copytree(notebooks.ROOT / "tools", folder / "student" / "tools")
    compileall.compile_dir(folder, quiet=1)
    for where, _, names in os.walk(folder):
        for name in names:
            os.chmod(Path(where, name), 0o444)
        os.chmod(where, 0o555)
    return folder


def start(file, shared, data, own):
    """Start one learner's kernel in an own folder."""
    own.mkdir()
    variables = environment(own, own) | {
        "PYTHONPATH": f"{shared / 'student'}:{shared / 'student' / 'tools'}"
    }
    variables.pop("PYTHONDONTWRITEBYTECODE")  # a write that is tried would show
    command = [sys.executable, "-c", RUN, str(file), str(own)]
    if os.geteuid() == 0:
        command = [*AS_ROOT, str(shared), str(data), *command]
    return subprocess.Popen(
        command, env=variables, cwd=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def free_memory():
    """Return the bytes of memory that are available, or None where that is not known."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def measure(path, kernels, data):
    """Run a notebook in several kernels at once, and return what each needed.

    Args:
        path: the notebook.
        kernels: how many.
        data: the folder that holds the data sets.
    """
    with tempfile.TemporaryDirectory(prefix="class-") as scratch:
        os.chmod(scratch, 0o755)
        shared = shared_folder(path, Path(scratch, "shared"))
        file = shared / "student" / "notebooks" / path.name
        before, least, done = (
            {**listing(shared), **listing(data)},
            [free_memory()],
            threading.Event(),
        )

        def watch():
            while not done.wait(0.5):
                least.append(free_memory())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        began = time.monotonic()
        running = [start(file, shared, data, Path(scratch, f"own{n}")) for n in range(kernels)]
        texts = [process.communicate() for process in running]
        wall = time.monotonic() - began
        done.set()
        watcher.join()
        after = {**listing(shared), **listing(data)}
        for where, _, _ in os.walk(shared):
            os.chmod(where, 0o755)  # so that it can be removed
    failed = [err.decode()[-500:] for out, err in texts if not out]
    if failed:
        raise SystemExit(f"{len(failed)} of {kernels} kernels left no result: {failed[0]}")
    return summary([json.loads(out) for out, _ in texts], wall, least, before == after)


def summary(results, wall, least, untouched):
    """Return what is kept of a measurement, in seconds and MB."""
    seconds = [result["seconds"] for result in results]
    peaks = [result["peak"] / 1e6 for result in results if result["peak"]]
    known = [value for value in least if value is not None]
    return {
        "kernels": len(results),
        "failed": [result["error"] for result in results if result["error"]],
        "seconds": [round(value, 1) for value in sorted(seconds)],
        "cpu_seconds": [round(result["cpu"], 1) for result in results],
        "peak_mb": [round(value) for value in sorted(peaks)],
        "wall_seconds": round(wall, 1),
        "memory_used_mb": round((known[0] - min(known)) / 1e6) if known else None,
        "nothing_written_beside": untouched,
        "sources": sorted({source for result in results for source in result["sources"]}),
    }


def table(stored):
    """Return the Markdown of the measurement and of the plan for a class."""
    one = stored["measured"]
    each = max(one["peak_mb"])
    per_kernel = one["memory_used_mb"] / one["kernels"] if one["memory_used_mb"] else each
    # Other work on the machine makes seconds long; those of the processor stay.
    cpu = statistics.median(one["cpu_seconds"])
    verdict = "nothing" if one["nothing_written_beside"] else "SOMETHING"
    rows = [
        ("machine", f"{stored['cores']} cores, Python {stored['python']}, {stored['date']}"),
        ("notebook", f"{stored['notebook']}, fast mode, {one['kernels']} kernels at once"),
        (
            "one kernel",
            f"{statistics.median(one['seconds']):.0f} s, {cpu:.0f} s of one core's work (medians); "
            f"peak {each} MB",
        ),
        (
            "all of them",
            f"{one['wall_seconds']:.0f} s, {one['memory_used_mb']} MB less free memory",
        ),
        ("written beside package or data", verdict),
        (
            f"so {CLASS} at once need",
            f"{CLASS * per_kernel / 1000:.0f} GB of memory; on {stored['cores']} cores "
            f"{CLASS * cpu / stored['cores'] / 60:.0f} minutes until all have run it once, "
            f"on 16 cores {CLASS * cpu / 16 / 60:.0f}",
        ),
    ]
    return "\n".join(["| what | measured |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kernels", type=int, default=8)
    parser.add_argument("--only", default="05_reduction_pitfall", help="beginning of a name")
    options = parser.parse_args()
    data = os.environ.get("VAE_DATA_DIR")
    if not data:
        raise SystemExit("VAE_DATA_DIR is not set: name the read-only folder with the data sets.")
    path = notebooks.find_notebooks(only=[options.only])[0]
    stored = store.load("classroom") | {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "notebook": notebooks.name_of(path),
        "measured": measure(path, options.kernels, data),
    }
    store.save("classroom", stored)
    text = PAGE.read_text(encoding="utf-8")
    store.write_atomically(PAGE, store.between(text, "classroom", table(stored)))
    print(table(stored))


if __name__ == "__main__":
    main()

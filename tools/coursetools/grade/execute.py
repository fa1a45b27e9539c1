"""Run one submission in a process of its own, with limits, and without the network.

The learner's code runs with the rights of whoever grades. What stands between: a time limit and a
memory limit, an empty folder that is removed, an environment that holds no more than the course
needs (no tokens of yours), and no network where the system lets a user take it away (Linux,
`unshare -rn`). All files that you can read and write, the code can too. For submissions of
strangers use a container, as `command` says.
"""

import contextlib
import functools
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from coursetools import notebooks

NO_NETWORK = ["unshare", "--map-root-user", "--net", "--"]
GRACE = 240  # seconds beyond the limit, for starting, judging and stopping
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "VAE_DATA_DIR")
TOOLS = str(notebooks.ROOT / "tools")
_running = set()


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        seconds: for all its cells together.
        cell_seconds: for one cell.
        memory: bytes of data of one process.
    """

    seconds: int = 600
    cell_seconds: int = 180
    memory: int = 6 * 2**30


@functools.cache
def no_network() -> list[str]:
    """Return how to start a command without a network; nothing where this user may not."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if subprocess.run([*NO_NETWORK, "true"], capture_output=True, timeout=10).returncode == 0:
            return NO_NETWORK
    return []


def environment(folder: Path, fonts: Path) -> dict[str, str]:
    """Return the environment of a submission: fast mode, offline, its own home.

    Args:
        folder: its home and its temporary folder.
        fonts: where matplotlib keeps its list of fonts, which all submissions share.
    """
    home = Path.home()
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "VAE_FAST": "1",
        "VAE_OFFLINE": "1",
        "VAE_PROGRESS": "0",
        "VAE_CACHE_DIR": os.environ.get("VAE_CACHE_DIR") or str(home / ".cache" / "vae_helpers"),
        "KERAS_HOME": os.environ.get("KERAS_HOME") or str(home / ".keras"),
        "KAGGLEHUB_CACHE": os.environ.get("KAGGLEHUB_CACHE") or str(home / ".cache" / "kagglehub"),
        "MPLCONFIGDIR": str(fonts),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": TOOLS,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(path: Path, assignment, limits: Limits, fonts: Path) -> dict:
    """Execute and judge one notebook.

    Args:
        path: the notebook, which is only read.
        assignment: which of the course's notebooks it is.
        limits: what it may use.
        fonts: see `environment`.

    Returns:
        {"events": what happened, in words; "answers": {question: state, message, ...}; "altered":
        names of the package that were replaced; "seconds"; "warning": a limit that is not in force}
    """
    with tempfile.TemporaryDirectory(prefix="vae-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch, "work")
        folder.mkdir()
        job = Path(scratch, f"job-{secrets.token_hex(4)}.json")
        result = job.with_name(f"result-{secrets.token_hex(4)}.json")
        settings = {
            "notebook": str(path.resolve()),
            "folder": str(folder),
            "result": str(result),
            "paths": [str(notebooks.ROOT), TOOLS],
            "number": assignment.number,
            "questions": assignment.questions,
            "seconds": limits.seconds,
            "cell_seconds": limits.cell_seconds,
            "memory": limits.memory,
        }
        job.write_text(json.dumps(settings), encoding="utf-8")
        start = time.monotonic()
        words = _start(job, environment(folder, fonts), folder, limits.seconds + GRACE)
        seconds = round(time.monotonic() - start, 1)
        if result.exists():
            return json.loads(result.read_text(encoding="utf-8"))
        return {"events": [words], "answers": {}, "altered": [], "seconds": seconds, "warning": ""}


def _start(job, variables, folder, seconds):
    """Run a worker to its end; return what happened in case it leaves no result."""
    command = [*no_network(), sys.executable, "-m", "coursetools.grade.worker", str(job)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        _running.add(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"time-out: stopped after {seconds} s"
        finally:
            _running.discard(process)
            _kill_group(process)
        log.seek(0)
        lines = log.read().strip().splitlines() or [f"exit status {process.returncode}"]
        return f"crash: {lines[-1][:200]}"


def stop_all() -> None:
    """End all submissions that are running, as when the teacher presses Ctrl-C."""
    for process in list(_running):
        _kill_group(process)


def _kill_group(process):
    """End what a submission has started and left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()

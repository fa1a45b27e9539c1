"""Start N worker processes on this machine, and start them again when one of them is lost.

A target is a function in a file or a module, "train.py:train" or "package.module:function". Every
worker calls it with the same arguments; it takes only what JSON can hold, and what it returns on
the chief (worker 0) becomes the launcher's answer. Each worker is told of the others by TF_CONFIG,
as on a real cluster: there, start one process a machine with a TF_CONFIG of your own instead.

    answer = launch("train.py:train", workers=2, folder="build/run", arguments={"epochs": 3})
    python -m vae_helpers.distributed --workers 2 --folder build/run train.py:train epochs=3

In the folder lie worker-0.log, worker-1.log ... (what the workers print), and result.json.
VAE_ATTEMPT tells a worker how often all were started before: 0, 1, ...
"""

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from vae_helpers.files import write_atomically

LOST = 75  # exit status of a worker whose peer is gone: EX_TEMPFAIL, "try again"
GRACE_SECONDS = 60  # for the surviving workers to stop by themselves
POLL_SECONDS = 0.2


class WorkerLost(RuntimeError):
    """Another worker no longer answers: this one stops, and goes on from the last checkpoint."""


class LaunchFailed(RuntimeError):
    """The workers did not finish; the message holds the end of a log."""


def launch(
    target: str,
    *,
    workers: int = 2,
    folder: str | Path,
    arguments: dict | None = None,
    restarts: int = 3,
    show: Callable[[str], None] | None = None,
) -> dict:
    """Run a target on worker processes on loopback, and return what the chief returned.

    When a worker is lost, the others are given `GRACE_SECONDS` to stop, then all are started
    again. A target that trains with `distributed.train` and a folder goes on from its checkpoint.

    Args:
        target: "file.py:function" or "package.module:function".
        workers: number of processes, 1 or more.
        folder: for logs and the result; it is made.
        arguments: what the function is called with.
        restarts: how often all workers may be started again.
        show: is given the progress, one line at a time; nothing is shown when None.

    Returns:
        {"result": what the chief returned, "restarts": how often all were started again,
        "losses": for each restart, which workers failed first and the seconds until all stopped}.

    Raises:
        ValueError: if workers or restarts is out of range, or target has no such form.
        LaunchFailed: if workers fail more than `restarts` times, or the chief returns nothing.
    """
    if workers < 1 or restarts < 0:
        raise ValueError(
            f"workers is {workers} and restarts is {restarts}, expected at least 1 and at least 0"
        )
    _parts(target)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    losses = []
    while True:
        processes = []
        try:
            _start(processes, target, workers, folder, arguments or {}, len(losses))
            loss = _watch(processes, folder, show or (lambda line: None))
        finally:
            _stop(processes)
        if loss is None:
            if not result.exists():
                raise LaunchFailed(f"the chief left no result. {_end(folder, 0)}")
            answer = json.loads(result.read_text(encoding="utf-8"))
            return {"result": answer, "restarts": len(losses), "losses": losses}
        losses.append(loss)
        if len(losses) > restarts:
            first = loss["first"][0]
            raise LaunchFailed(
                f"worker {first} stopped with status {loss['status'][first]} and {restarts} "
                f"restarts are used up. The end of {_log(folder, first)}:\n{_end(folder, first)}"
            )


def _start(processes, target, workers, folder, arguments, attempt):
    """Start all processes, each with its place in the cluster, and add each to the list."""
    command = [sys.executable, "-u", "-c", _WORKER, target, json.dumps(arguments)]
    for index, place in enumerate(places(workers)):
        home = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "TF_CONFIG": place, "PYTHONPATH": path}
        environment["VAE_RESULT"] = str(folder / "result.json") if index == 0 else ""
        environment["VAE_ATTEMPT"] = str(attempt)
        with _log(folder, index).open("a" if attempt else "w", encoding="utf-8") as log:
            processes.append(
                subprocess.Popen(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )


def _watch(processes, folder, show):
    """Wait for all: None if the chief finished, else who failed first and how all of them ended.

    Training ends on all workers together, so what another does after the chief's end is no loss.
    """
    lost_at, first = None, []
    while any(process.poll() is None for process in processes):
        if processes[0].poll() == 0 and lost_at is None:
            _wait(processes, GRACE_SECONDS)
            return None
        failed = [i for i, process in enumerate(processes) if process.poll() not in (None, 0)]
        if failed and lost_at is None:
            lost_at, first = time.monotonic(), failed
            show(f"worker {failed[0]} is lost; waiting for the others")
        if lost_at and time.monotonic() - lost_at > GRACE_SECONDS:
            break
        if not lost_at:
            show(_last_line(folder))
        time.sleep(POLL_SECONDS)
    status = [process.poll() for process in processes]
    if status[0] == 0:
        return None
    if lost_at is None:
        lost_at, first = time.monotonic(), [i for i, code in enumerate(status) if code]
    # A worker that was told of the loss came second, whoever was seen first.
    failed = [i for i, code in enumerate(status) if code not in (None, 0, LOST)]
    causes = [i for i in first if i in failed] or failed or first
    return {"first": causes, "status": status, "seconds": round(time.monotonic() - lost_at, 1)}


def _wait(processes, seconds):
    end = time.monotonic() + seconds
    while any(process.poll() is None for process in processes) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def _stop(processes):
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def places(count: int) -> list[str]:
    """Return what TF_CONFIG is for each of `count` workers on this machine, on free ports."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    tasks = ({"type": "worker", "index": index} for index in range(count))
    return [json.dumps({"cluster": cluster, "task": task}) for task in tasks]


def free_ports(count: int) -> list[int]:
    """Return `count` different ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _log(folder, index):
    return folder / f"worker-{index}.log"


def _end(folder, index, lines=15):
    text = _log(folder, index).read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def _last_line(folder):
    return _end(folder, 0, 1)[:110]


def _parts(target):
    place, _, name = target.rpartition(":")
    if not place or not name.isidentifier():
        raise ValueError(
            f"target is {target!r}, expected 'file.py:function' or 'package.module:function'"
        )
    return place, name


def load(target: str) -> Callable:
    """Return the function that a target names.

    Raises:
        ValueError: if it has another form.
    """
    place, name = _parts(target)
    if not place.endswith(".py"):
        return getattr(importlib.import_module(place), name)
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


@contextlib.contextmanager
def lost_workers_named(folder: str | Path | None) -> Iterator[None]:
    """Raise `WorkerLost` for what TensorFlow raises on a worker when another one is gone.

    Args:
        folder: where the checkpoints lie; None if there are none.
    """
    from tensorflow import errors

    try:
        yield
    except (
        errors.UnavailableError,
        errors.AbortedError,
        errors.CancelledError,
        errors.DeadlineExceededError,
        errors.InternalError,
    ) as error:
        if "TF_CONFIG" not in os.environ:
            raise
        cure = f"they go on from the last checkpoint in {folder}" if folder else "from the start"
        raise WorkerLost(
            f"another worker no longer answers ({type(error).__name__}): start all workers again, "
            f"{cure}"
        ) from error


def work(target: str, arguments: str) -> None:
    """Be one worker: call the target with arguments (JSON), leave the chief's answer, exit."""
    try:
        with lost_workers_named(None):
            answer = load(target)(**json.loads(arguments))
        if os.environ.get("VAE_RESULT"):
            write_atomically(os.environ["VAE_RESULT"], json.dumps(answer))
        status = 0
    except WorkerLost as error:
        print(f"WorkerLost: {error}\nThe cause: {str(error.__cause__)[:500]}")
        status = LOST
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # what is left of the cluster would hold an orderly end up


# What a worker runs. It names `work` as Python does, so that a Kaggle rendering takes it along.
_WORKER = f"import sys; from {work.__module__} import work; work(*sys.argv[1:])"


def main(words: list[str] | None = None) -> int:
    """The command line: `--workers 2 --folder build/run train.py:train epochs=3`."""
    parser = argparse.ArgumentParser("python -m vae_helpers.distributed", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", default="build/workers")
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("target", help="file.py:function or package.module:function")
    parser.add_argument("arguments", nargs="*", help="name=value, the value as JSON or plain text")
    asked = parser.parse_args(words)
    arguments = dict(_argument(word) for word in asked.arguments)
    try:
        answer = launch(
            asked.target,
            workers=asked.workers,
            folder=asked.folder,
            arguments=arguments,
            restarts=asked.restarts,
            show=_Line(),
        )
    except (ValueError, LaunchFailed) as error:
        print(f"\n{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print("\n" + json.dumps(answer))
    return 0


def _argument(word):
    name, equals, value = word.partition("=")
    if not equals or not name.isidentifier():
        raise SystemExit(f"{word!r} is no argument, expected name=value")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


class _Line:
    """Show progress on one line that is written over."""

    def __init__(self):
        self.shown = ""

    def __call__(self, line):
        if line != self.shown:
            print("\r" + line.ljust(len(self.shown)), end="", flush=True)
            self.shown = line

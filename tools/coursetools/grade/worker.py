"""Execute one submission and have it judged; a process of its own, started by `execute`.

    python -m coursetools.grade.worker job.json

It takes away what it can from what it starts: memory, large files, and (where `execute` may) the
network. The outputs of the learner's cells are not kept, so printing 100 MB costs time alone.
"""

import json
import os
import re
import secrets
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from coursetools import notebooks
from coursetools.grade import collect

CHECKED = re.compile(r"\.check\(\s*([^\W\d]\w*)\s*\)")
JUDGE_SECONDS = 180  # for all answers of a notebook; each check has its own limit
LARGEST_FILE = 2**30  # bytes
PRELUDE = """
import sys
sys.path[:0] = {paths!r}
import vae_helpers
import coursetools.grade.kernel
"""
CALL = "__import__('sys').modules['coursetools.grade.kernel'].{name}(*{arguments!r})"


class Client(NotebookClient):
    """Executes cells and keeps of what they put out only the errors."""

    def output(self, outs, msg, display_id, cell_index):
        if msg["msg_type"] == "error":
            return super().output(outs, msg, None, cell_index)
        return None

    def handle_comm_msg(self, outs, msg, cell_index):
        """Nothing: no widget is shown."""


def limit(memory: int) -> str:
    """Limit this process and all that it starts; return a warning where that cannot be done.

    Args:
        memory: bytes of data (heap, stacks, anonymous mappings) that one process may have.
    """
    try:
        import resource
    except ImportError:
        return "no memory limit: this system has none to set"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    if sys.platform == "darwin":
        return "no memory limit: macOS does not keep to one"
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    return ""


class Run:
    """One submission in one kernel.

    Args:
        job: what `execute.job` wrote.
    """

    def __init__(self, job):
        self.job = job
        self.cells = notebooks.read(job["notebook"]).cells
        self.ends = time.monotonic() + job["seconds"]
        self.events = []  # what happened, in words that begin with their kind
        self.result = {}
        self.memory = 0  # most that the kernel held, in bytes
        self.question = None  # the one asked last

    def go(self):
        """Execute all cells, then judge; return {"events", "answers", "altered", "peak"}."""
        # Files in its folder, since a process without a network has no local one either.
        transport = "tcp" if os.name == "nt" else "ipc"
        manager = AsyncKernelManager(kernel_name="python3", transport=transport)
        manager.connection_file = str(Path(self.job["folder"], "k.json"))
        client = Client(
            nbformat.v4.new_notebook(cells=list(self.cells)),
            km=manager,
            timeout_func=lambda cell: self.timeout,
            allow_errors=True,
            record_timing=False,
            shutdown_kernel="immediate",
            extra_arguments=["--IPKernelApp.log_level=50"],
            resources={"metadata": {"path": self.job["folder"]}},
        )
        client.log.setLevel("CRITICAL")
        number = 0
        try:
            with client.setup_kernel():
                self._hidden(client, PRELUDE.format(paths=self.job["paths"]))
                for number, cell in enumerate(self.cells, start=1):
                    if not self._cell(client, number, cell):
                        break
                self._judge(client)
        except CellTimeoutError:  # of a cell of ours: the kernel is still in the learner's
            self.events.append("time-out: the cell could not be interrupted")
        except DeadKernelError:
            self.events.append(f"crash in cell {number} (out of memory, or it ended Python)")
        return {"events": self.events, "answers": {}, "altered": [], **self.result}

    @property
    def timeout(self):
        return max(1, int(min(self.job["cell_seconds"], self.ends - time.monotonic())))

    def _cell(self, client, number, cell):
        """Execute a cell; return False when no time is left for others."""
        if cell.cell_type != "code" or not cell.source.strip() or collect.is_helpers(cell.source):
            return True
        names = CHECKED.findall(cell.source)
        questions = self._questions(cell, names)
        if questions:
            self._call(client, "before", names)
        try:
            client.execute_cell(cell, number - 1)
        except CellTimeoutError:
            self.events.append(f"time-out in cell {number}")
            run_sync(client.km.interrupt_kernel)()
            if self.ends - time.monotonic() < 1:
                return False
        errors = [output for output in cell.outputs if output.output_type == "error"]
        for error in errors[:1]:
            words = f"{error.ename}: {error.evalue}".splitlines()[0][:160].rstrip(": ")
            self.events.append(f"error in cell {number}: {words}")
        for question in questions:
            self._call(client, "after", question, names, bool(errors))
        return True

    def _questions(self, cell, names):
        """Return the questions whose answers a cell checks; a check may stand in the next cell."""
        known = self.job["questions"]
        here = [
            name
            for number, name in collect.asked([cell])
            if number == self.job["number"] and name in known
        ]
        if here:
            self.question = here[-1]
            return here if names else []
        return [self.question] if names and self.question else []

    def _call(self, client, name, *arguments):
        self._hidden(client, CALL.format(name=name, arguments=arguments))

    def _hidden(self, client, source):
        """Execute a cell that is not the learner's."""
        cell = nbformat.v4.new_code_cell(source)
        client.nb.cells.append(cell)
        try:
            client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
        finally:
            client.nb.cells.pop()
        for output in cell.outputs:
            words = f"{output.ename}: {output.evalue}".splitlines()[0][:200]
            raise RuntimeError(f"the grader's own code failed in this notebook: {words}")

    def _judge(self, client):
        path = Path(self.job["folder"], f"verdicts-{secrets.token_hex(8)}.json")
        self.ends = time.monotonic() + JUDGE_SECONDS
        self.job["cell_seconds"] = JUDGE_SECONDS
        try:
            self._call(client, "judge", self.job["number"], self.job["questions"], str(path))
        except CellTimeoutError:
            self.events.append("time-out while its answers were judged")
        else:
            self.result = json.loads(path.read_text(encoding="utf-8"))


def main(path):
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    warning = limit(job["memory"])
    start = time.monotonic()
    run = Run(job)
    try:
        result = run.go()
    except Exception as error:
        words = str(error).strip().splitlines() or [""]
        events = [*run.events, f"crash: {type(error).__name__}: {words[0][:200]}"]
        result = {"events": events, "answers": {}, "altered": []}
    result |= {"seconds": round(time.monotonic() - start, 1), "warning": warning}
    Path(job["result"]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

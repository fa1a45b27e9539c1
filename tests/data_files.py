"""Small data files for the tests of the loaders, and a host to download them from."""

import contextlib
import gzip
import hashlib
import http.server
import threading

import numpy as np

from vae_helpers import data

IDX_NAMES = tuple(data.FASHION_SHA256)


def some_images(n, classes, seed=0):
    """Random images, and labels in which every class occurs."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    return images, (np.arange(n) % classes).astype(np.uint8)


def idx_bytes(array):
    """The IDX file of an array of images or labels."""
    header = [2051 if array.ndim == 3 else 2049, *array.shape]
    return b"".join(number.to_bytes(4, "big") for number in header) + array.tobytes()


def fashion_files(train=40, test=20):
    """{name: content of the IDX file} of a small set of the form of Fashion-MNIST."""
    arrays = [*some_images(train, 10, seed=1), *some_images(test, 10, seed=2)]
    return {name: idx_bytes(array) for name, array in zip(IDX_NAMES, arrays, strict=True)}


def write_idx(folder, files, zipped):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)


def csv_text(images, labels, header=False):
    table = np.column_stack([labels, images.reshape(len(images), -1)])
    lines = [",".join(map(str, row)) for row in table.tolist()]
    if header:
        lines.insert(0, ",".join(["label", *(f"pixel{i}" for i in range(1, 785))]))
    return "\n".join(lines) + "\n"


def write_fashion_csv(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in zip(data.FASHION_CSV, (40, 20), strict=True):
        (folder / name).write_text(csv_text(*some_images(rows, 10), header=True))


def write_letters(folder, rows=60):
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = some_images(rows, 26)
    order = np.argsort(labels, kind="stable")  # as Kaggle's file: sorted by letter
    path = folder / data.LETTERS_FILE
    path.write_text(csv_text(images[order], labels[order]))
    return path


def call_these_the_originals(monkeypatch, files):
    for name, content in files.items():
        monkeypatch.setitem(data.FASHION_SHA256, name, hashlib.sha256(content).hexdigest())


@contextlib.contextmanager
def download_host(answers, hang=None):
    """A server on this machine: {path: bytes}, or {path: (bytes, the length it announces)}.
    After a body that is shorter than announced it waits for the event `hang`, if there is one.
    Yields its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path[1:] not in answers:
                return self.send_error(404)
            body = answers[self.path[1:]]
            body, length = body if isinstance(body, tuple) else (body, len(body))
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if hang and length > len(body):
                hang.wait(60)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        if hang:
            hang.set()
        server.shutdown()
        server.server_close()

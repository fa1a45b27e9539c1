"""Downloads: one short question to the host, then pooch; nothing is kept that was not checked."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vae_helpers.data.locate import UnreachableError, warn_of_cache
from vae_helpers.files import remove_abandoned

CONNECT_SECONDS = 5  # for one connection; a closed network is given up after twice this
READ_SECONDS = 30  # between two pieces of a download
HEADERS = {"User-Agent": "vae_helpers"}


def ask(url: str) -> None:
    """Return as soon as `url` begins to answer.

    Raises:
        UnreachableError: it refuses, or does not answer within 2 * CONNECT_SECONDS.
    """
    try:
        import requests
    except ImportError as error:
        raise UnreachableError("requests is not installed (pip install pooch)") from error

    # In another thread, because no time-out of a socket covers looking up the name of a host.
    executor = ThreadPoolExecutor(1)
    get = executor.submit(requests.get, url, stream=True, timeout=CONNECT_SECONDS, headers=HEADERS)
    try:
        with get.result(2 * CONNECT_SECONDS) as response:
            response.raise_for_status()
    except TimeoutError as error:
        seconds = 2 * CONNECT_SECONDS
        raise UnreachableError(f"no answer from the network within {seconds} seconds") from error
    except requests.RequestException as error:
        raise UnreachableError(f"{url} does not answer: {_reason(error)}") from error
    finally:
        executor.shutdown(wait=False)


def download(url: str, folder: Path, check: Callable[[Path], None]) -> Path:
    """Download `url` into `folder`, unless a file of its name is there, and return the path.

    Args:
        url: where the file is; its last part is the name that the file gets.
        folder: an existing folder.
        check: called with the path of the download while it has a temporary name; a file for which
            it raises is not kept.

    Raises:
        UnreachableError: pooch is missing, or the file cannot be written.
        ValueError: the answer breaks off before its end, or is a refusal; or what `check` raises.
    """
    try:
        import pooch
        import requests
    except ImportError as error:
        raise UnreachableError("pooch is not installed (pip install pooch)") from error

    def get_and_check(url, output_file, _):
        pooch.HTTPDownloader(timeout=READ_SECONDS, headers=HEADERS)(url, output_file, None)
        check(Path(output_file))

    pooch.get_logger().setLevel("WARNING")
    remove_abandoned(folder, "tmp*")  # pooch's temporary files, of runs that were killed
    name = url.rpartition("/")[2]
    try:
        # The hash that is known is that of the unpacked content, so `check` compares it.
        path = pooch.retrieve(url, None, fname=name, path=folder, downloader=get_and_check)
    except requests.RequestException as error:
        raise ValueError(
            f"the download of {url} broke off ({_reason(error)}). Nothing of it was kept: run "
            "again, or set VAE_OFFLINE=1 to go on with the synthetic stand-in."
        ) from error
    except OSError as error:
        raise UnreachableError(f"{folder} cannot be written ({error})") from error
    return Path(path)


@contextlib.contextmanager
def writable_cache(folder: Path) -> Iterator[Path]:
    """Yield `folder`, or with a warning a temporary one if nothing can be written there."""
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            warn_of_cache(folder, error)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield folder


def _reason(error):
    """Return the first cause, such as 'Connection refused', without the classes around it."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error)

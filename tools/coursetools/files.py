"""The package's atomic write, for tools, and lines that a tool keeps in a page.

Importing `vae_helpers` loads TensorFlow, some seconds that `lint` or `tidy` have no use for.
`vae_helpers/files.py` needs only the standard library, so it is loaded by its path.
"""

import importlib.util
import re
from pathlib import Path

_PATH = Path(__file__).resolve().parents[2] / "vae_helpers" / "files.py"
_spec = importlib.util.spec_from_file_location("coursetools._files", _PATH)
_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_files)

write_atomically = _files.write_atomically


def between(text, begin, end, lines):
    """Return a text with these lines between two comments that mark their place.

    Args:
        text: of a page.
        begin: the comment before the lines.
        end: the comment after them.
        lines: what shall stand there; may be empty.

    Raises:
        ValueError: when the text has no such place.
    """
    place = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    if not place.search(text):
        raise ValueError(f"no place for these lines: {begin} ... {end} is missing")
    body = f"{lines}\n" if lines else ""
    return place.sub(lambda _: f"{begin}\n{body}{end}", text, count=1)

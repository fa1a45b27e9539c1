"""The package's atomic write, for tools.

Importing `vae_helpers` loads TensorFlow, some seconds that `lint` or `tidy` have no use for.
`vae_helpers/files.py` needs only the standard library, so it is loaded by its path.
"""

import importlib.util
from pathlib import Path

_PATH = Path(__file__).resolve().parents[2] / "vae_helpers" / "files.py"
_spec = importlib.util.spec_from_file_location("coursetools._files", _PATH)
_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_files)

write_atomically = _files.write_atomically

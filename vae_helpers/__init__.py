"""Helpers of the VAE course: small modules that read like a chapter of it.

Floor by floor (a module imports only from the floors below it):

1. `elbo`, `references`, `settings`: the terms of the ELBO, lines to compare with, the FAST switch
   `data` (with `sources`, `parsing`), `drawn`: the data sets, and the stand-ins drawn by code
2. `parts`: `Encoder`, `LatentDistribution`, `Decoder`
3. `vae`, `recipes`: `VAE`, composed of the three; the default models
4. `plots`, `widgets`: figures, and what moves

Importing the package loads TensorFlow, quietly, and none of its own modules.
"""

import os
import sys
import tempfile


def _import_tensorflow_quietly():
    """Keep TensorFlow's start-up messages off the page; a failing import still shows them.

    It writes them from C++ straight to file descriptor 2, some of them before it reads
    TF_CPP_MIN_LOG_LEVEL, so only a redirected descriptor catches them all.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            import tensorflow
        except BaseException:
            messages.seek(0)
            os.write(stderr, messages.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    # Each model compiles a step of its own; with many models TensorFlow warns of "retracing".
    tensorflow.get_logger().setLevel("ERROR")


if "tensorflow" not in sys.modules:
    _import_tensorflow_quietly()

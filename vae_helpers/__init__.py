"""Helpers of the VAE course.

Read six modules in this order, and you have read the VAE itself: `settings`, `images`, `elbo`,
`likelihoods`, `parts`, `vae`.

The rest are its variants (`conditional`, `objectives`, `adversarial`, `attention`, the priors), and
instruments: data, metrics, plots, the audit, the exercises. A module imports only from floors below
its own; docs/architecture.md names them, floor by floor.

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


# Keras' own settings file may name another backend; the course is written for TensorFlow.
if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"
elif sys.modules["keras"].config.backend() != "tensorflow":
    raise ImportError(
        f"Keras runs on {sys.modules['keras'].config.backend()!r}, expected 'tensorflow': "
        "restart Python and import vae_helpers before keras"
    )
if "tensorflow" not in sys.modules:
    _import_tensorflow_quietly()

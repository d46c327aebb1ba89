"""TensorFlow as this project uses it: with the Keras of tf_keras, and without its messages on stderr."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tfmot works with the Keras of tf_keras only
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow leaves oneDNN off on some processors, such as AMD without AVX-512. Training with a backbone then takes 1.7
# times as long.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to stderr within the context; errors are still raised as exceptions."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with quiet_stderr():
    import tensorflow as tf
    import tf_keras

    tf.config.list_physical_devices("GPU")  # looks for a GPU now, rather than in the middle of a progress line

tf.get_logger().setLevel("ERROR")

__all__ = ["quiet_stderr", "tf", "tf_keras"]

"""Which extra of the package brings a module that is not installed."""

import sys

from stapes.firmware_sim.errors import ToolchainError

TRAINING_ENDS_AT = (3, 14)  # TensorFlow 2.21 has no wheels for this version of Python: see the extra `train`
_TRAIN = ("tensorflow", "tf_keras", "tensorflow_model_optimization", "librosa", "sklearn", "scipy")
EXTRA_OF = dict.fromkeys(_TRAIN, "train") | {
    "pyaudio": "mic",
    "rich": "mic",
    "paho": "mqtt",
    "httpx": "webhook",
    "aiohttp": "web",
    "distributed": "cluster",
    "matplotlib": "plot",
}


def missing_extra(error: ModuleNotFoundError) -> ToolchainError | None:
    """Return an error that names the extra to install; None for a module of no extra, whose absence is a bug."""
    module = (error.name or "").split(".")[0]
    if module not in EXTRA_OF:
        return None
    if EXTRA_OF[module] == "train" and sys.version_info >= TRAINING_ENDS_AT:
        return ToolchainError(
            f"this needs {module}, and the extra 'train' needs TensorFlow, which has no release for Python "
            f"{sys.version_info[0]}.{sys.version_info[1]}: make an environment with Python 3.11 to "
            f"{TRAINING_ENDS_AT[0]}.{TRAINING_ENDS_AT[1] - 1}, and there: pip install 'stapes[train]'"
        )
    return ToolchainError(f"this needs {module}, which is not installed: pip install 'stapes[{EXTRA_OF[module]}]'")

"""Which extra of the package brings a module that is not installed."""

from stapes.firmware_sim.errors import ToolchainError

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
    """Return what to tell a person who lacks an extra; None where the module belongs to none, which is a bug."""
    module = (error.name or "").split(".")[0]
    if module not in EXTRA_OF:
        return None
    return ToolchainError(f"this needs {module}, which is not installed: pip install 'stapes[{EXTRA_OF[module]}]'")

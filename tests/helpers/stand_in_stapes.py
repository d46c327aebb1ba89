"""A stand-in for the `stapes` command in pages, for commands that would take hours or a person; page_stage.py runs it.

`train` takes the settings that the page gives, but trains for a few gradient steps only. `synth` makes a minute of
sounds. `listen` at a microphone is ended after some seconds, as a service manager ends it; its broker.local is the
address that BROKER_MQTT or BROKER_MQTTS names.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from stapes.runtime.main import build_parser, main

LISTEN_S = 4.0


def _short_training(words: list[str]) -> list[str]:
    """Return the same command with settings of a short training."""
    from stapes.train.settings import Settings, read_settings, write_settings

    config = build_parser().parse_args(words).config
    settings = Settings() if config is None else read_settings(config)
    training = replace(
        settings.training, batch_sequences=2, sequence_s=4.0, float_steps=8, quantized_steps=4, check_every_steps=4
    )
    durations = replace(
        settings.operating_point, smoothing_steps=(1,), off_ratio=(0.5,), min_duration_steps=(1,), merge_gap_steps=(0,)
    )
    short = Path(tempfile.mkdtemp()) / "short.toml"
    short.write_text(write_settings(replace(settings, training=training, operating_point=durations)), encoding="utf-8")
    return [*words, "--config", str(short)]  # the last --config counts


def _with_broker(word: str) -> str:
    scheme, mark, rest = word.partition("://broker.local/")
    return f"{scheme}://{os.environ[f'BROKER_{scheme.upper()}']}/{rest}" if mark else word


def _run(words: list[str]) -> int:
    if words[0] == "train" and "--print-config" not in words:
        words = _short_training(words)
    if words[0] == "synth":
        words = [*words, "--minutes", "1"]
    if words[0] == "studio" or (words[0] == "listen" and "-" not in words and "--list-devices" not in words):
        threading.Thread(target=_end_after_a_while, daemon=True).start()
    return main([_with_broker(word) for word in words])


def _end_after_a_while() -> None:
    """End this process with SIGTERM, some seconds after it is ready to be ended so."""
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        time.sleep(0.1)
    time.sleep(LISTEN_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))

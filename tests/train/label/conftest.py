"""A dataset in which the tiny detector makes one mistake of each kind."""

from pathlib import Path

import pytest
import soundfile
from labelled_noise import SOUNDS
from tiny_detector import noise_bursts


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two recordings in val: in a the last hiss is not labelled, in b a rumble is labelled where nothing sounds."""
    folder = tmp_path / "data"
    (folder / "val").mkdir(parents=True)
    for name, labelled in (("a", SOUNDS[:2]), ("b", [*SOUNDS, (6.5, 7.0, "rumble")])):
        soundfile.write(folder / "val" / f"{name}.wav", noise_bursts(8.0, SOUNDS), 16_000)
        rows = "".join(f"{onset}\t{offset}\t{label}\n" for onset, offset, label in labelled)
        (folder / "val" / f"{name}.txt").write_text(rows)
    return folder

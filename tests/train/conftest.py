"""Small datasets on disk, made as people make them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

MakeDataset = Callable[[dict[str, float | str | bytes]], Path]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Return a function that writes files into a folder: seconds of noise for a number, else the text or bytes."""

    def make(files: dict[str, float | str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str | bytes):
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
            else:
                noise = np.random.default_rng(len(name)).normal(0, 0.01, round(content * 8000))
                soundfile.write(path, noise.astype(np.float32), 8000, subtype=None)
        return tmp_path / "data"

    return make

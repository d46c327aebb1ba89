"""Damaged blobs with a correct CRC: a loadable detector refuses them, or runs them inside of its memory.

The referees are ASan and UBSan. tests/convert/test_loadable.py tries a few of the same blobs.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from blob_program import BlobProgram
from damaged_blobs import try_damaged_blobs
from fuzzing import inputs
from loadable_detectors import kernels_model, two_trainings

from benchmarks.tflite_models import cnn_gru_step


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "network"), [("STAPES_NN_ROWS", kernels_model), ("STAPES_NN_HOST", cnn_gru_step)], ids=["rows", "host"]
)
def test_damaged_blobs_are_refused_or_run_clean_under_sanitizers(
    layout: str, network: Callable[[int], bytes], tmp_path: Path
) -> None:
    first, _ = two_trainings(tmp_path, network)
    try_damaged_blobs(first, BlobProgram(first, tmp_path / "program", layout), layout, inputs(1500))

"""Damaged blobs with a correct CRC: a loadable detector refuses them, or runs them inside of its memory.

The referees are ASan and UBSan. tests/convert/test_loadable.py tries a few of the same blobs.
"""

from pathlib import Path

import pytest
from blob_program import BlobProgram
from damaged_blobs import try_damaged_blobs
from fuzzing import inputs
from loadable_detectors import two_trainings


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["STAPES_NN_ROWS", "STAPES_NN_HOST"])
def test_damaged_blobs_are_refused_or_run_clean_under_sanitizers(layout: str, tmp_path: Path) -> None:
    first, _ = two_trainings(tmp_path)
    try_damaged_blobs(first, BlobProgram(first, tmp_path / "program", layout), layout, inputs(1500))

"""Typing that is made faster: keys follow each other as asked, and each label still lies at its key."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.faster_typing import RANGES_S, typed_faster
from stapes.train.data.dataset import open_dataset

RATE = 16_000
CLICK_LATE_S = 0.03  # after its label


@pytest.mark.parametrize("range_s", RANGES_S)
def test_keys_follow_each_other_as_asked_and_labels_stay_at_them(tmp_path: Path, range_s: tuple[float, float]) -> None:
    onsets = 1.0 + 0.51 * np.arange(20)
    pcm = np.random.default_rng(0).normal(0, 20, 12 * RATE)
    for onset in onsets:
        start = round((onset + CLICK_LATE_S) * RATE)
        pcm[start : start + 80] = 5000
    for split in ("train", "val"):
        (tmp_path / split / "audio").mkdir(parents=True)
        soundfile.write(tmp_path / split / "audio" / "0.wav", np.rint(pcm).astype(np.int16), RATE)
        rows = "".join(f"0.wav\t{onset}\t{onset}\tkey\n" for onset in onsets)
        (tmp_path / split / "labels.tsv").write_text(f"filename\tonset\toffset\tevent_label\n{rows}")
    (recording,) = open_dataset(tmp_path).splits["train"]
    out = tmp_path / "faster"
    out.mkdir()
    faster = typed_faster(recording, range_s, out, np.random.default_rng(1))
    heard = faster.pcm(RATE)
    clicks = np.flatnonzero((heard[1:] > 4000) & (heard[:-1] <= 4000)) / RATE
    labels = np.array([each.onset for each in faster.annotations])
    np.testing.assert_allclose(clicks - labels, CLICK_LATE_S, atol=0.002)
    least, most = range_s
    spacing = np.diff(labels)
    assert least <= spacing.min() < spacing.max() <= min(most, 0.51) + 1e-6

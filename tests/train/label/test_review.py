"""`stapes review`: a detector's mistakes as files that a person opens in Audacity and corrects."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from labelled_noise import SOUNDS, tsv_rows

from stapes.runtime.labels import Annotation, read_audacity
from stapes.runtime.main import main
from stapes.train.data.dataset import open_dataset


def test_review_writes_tracks_clips_and_a_list_with_the_worst_first(
    tiny_detector: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mistakes"
    assert main(["review", str(tiny_detector), str(data), "--out", str(out)]) == 0
    rows = tsv_rows(out / "review.tsv")
    assert [(row["filename"], row["event_label"], row["mistake"]) for row in rows] == [
        ("val/b.wav", "rumble", "missed"),
        ("val/a.wav", "hiss", "false"),
    ]
    assert float(rows[0]["probability"]) < 0.1 < 0.5 < float(rows[1]["probability"])
    kinds = ("reference", "detected", "missed", "false")
    tracks = {kind: read_audacity(out / kind / "val" / "a.txt") for kind in kinds}
    assert [len(each) for each in tracks.values()] == [2, 3, 0, 1]
    assert tracks["false"][0] == tracks["detected"][2]
    assert read_audacity(out / "missed" / "val" / "b.txt") == [Annotation(6.5, 7.0, "rumble")]
    clip, rate = soundfile.read(out / rows[0]["clip"], dtype="int16")
    original, _ = soundfile.read(data / "val" / "b.wav", dtype="int16")
    assert rate == 16_000
    np.testing.assert_array_equal(clip, original[round(5.5 * rate) : round(8.0 * rate)])


def test_corrected_tracks_become_labels_again(tiny_detector: Path, data: Path, tmp_path: Path) -> None:
    """Review, correct the reference tracks, read them back: the detector then has no mistakes."""
    out, table = tmp_path / "mistakes", data / "labels.tsv"
    assert main(["review", str(tiny_detector), str(data), "--out", str(out)]) == 0
    for name in ("a", "b"):
        rows = "".join(f"{onset}\t{offset}\t{label}\n" for onset, offset, label in SOUNDS)
        (out / "reference" / "val" / f"{name}.txt").write_text(rows)
    tracks = sorted(map(str, (out / "reference" / "val").iterdir()))
    assert main(["labels", *tracks, "--audio", str(data), "--out", str(table)]) == 0
    assert [len(each.annotations) for each in open_dataset(data).recordings] == [3, 3]
    again = tmp_path / "again"
    assert main(["review", str(tiny_detector), str(data), "--out", str(again)]) == 0
    assert tsv_rows(again / "review.tsv") == []


def test_review_replaces_only_what_it_wrote(
    tiny_detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["review", str(tiny_detector), str(data), "--out"]
    precious = tmp_path / "precious"
    precious.mkdir()
    assert main([*words, str(precious)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*words, str(precious), "--force"]) == 1
    assert "holds no review.tsv that this command wrote, so it is not replaced" in capsys.readouterr().err
    out = tmp_path / "out"
    assert main([*words, str(out), "--clips", "0"]) == 0
    assert not (out / "clips").exists()
    assert main([*words, str(out), "--force"]) == 0
    assert (out / "clips").exists()
    assert main([*words, str(tmp_path / "none" / "out")]) == 1
    assert "none does not exist; make it first" in capsys.readouterr().err


def test_an_interrupted_review_leaves_nothing_behind(tiny_detector: Path, data: Path, tmp_path: Path) -> None:
    (data / "val" / "b.wav").write_bytes(b"RIFF")
    assert main(["review", str(tiny_detector), str(data), "--out", str(tmp_path / "out")]) == 1
    assert sorted(os.listdir(tmp_path)) == ["data"]


def test_ignored_labels_stay_in_the_reference_track(tiny_detector: Path, data: Path, tmp_path: Path) -> None:
    (data / "label_map.tsv").write_text("label\tclass\nunsure\t\n")
    with (data / "val" / "a.txt").open("a") as file:
        file.write("2\t2.2\tunsure\n")
    assert main(["review", str(tiny_detector), str(data), "--out", str(tmp_path / "out")]) == 0
    assert [each.label for each in read_audacity(tmp_path / "out" / "reference" / "val" / "a.txt")] == [
        "hiss",
        "unsure",
        "rumble",
    ]

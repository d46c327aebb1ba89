"""`stapes review`, `mine` and `suggest`: mistakes and proposals as files that a person opens in Audacity."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.runtime.audio import read_audio
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation, read_audacity
from stapes.runtime.main import main
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.judged import judge_recordings
from stapes.train.label.mine import stretches
from stapes.train.label.mistakes import excerpt, mistakes
from stapes.train.label.suggest import RISE_S, group_similar, proposals

HEARD = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two recordings in val: in a the last hiss is not labelled, in b a rumble is labelled where nothing sounds."""
    folder = tmp_path / "data"
    (folder / "val").mkdir(parents=True)
    for name, labelled in (("a", HEARD[:2]), ("b", [*HEARD, (6.5, 7.0, "rumble")])):
        soundfile.write(folder / "val" / f"{name}.wav", noise_bursts(8.0, HEARD), 16_000)
        rows = "".join(f"{onset}\t{offset}\t{label}\n" for onset, offset, label in labelled)
        (folder / "val" / f"{name}.txt").write_text(rows)
    return folder


def _rows(path: Path) -> list[dict[str, str]]:
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_review_writes_tracks_clips_and_a_list_with_the_worst_first(
    tiny_detector: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mistakes"
    assert main(["review", str(tiny_detector), str(data), "--out", str(out)]) == 0
    rows = _rows(out / "review.tsv")
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
        rows = "".join(f"{onset}\t{offset}\t{label}\n" for onset, offset, label in HEARD)
        (out / "reference" / "val" / f"{name}.txt").write_text(rows)
    tracks = sorted(map(str, (out / "reference" / "val").iterdir()))
    assert main(["labels", *tracks, "--audio", str(data), "--out", str(table)]) == 0
    assert [len(each.annotations) for each in open_dataset(data).recordings] == [3, 3]
    again = tmp_path / "again"
    assert main(["review", str(tiny_detector), str(data), "--out", str(again)]) == 0
    assert _rows(again / "review.tsv") == []


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


def test_stretches_join_what_overlaps_and_stay_inside_the_recording() -> None:
    assert stretches([(1.0, 1.5), (20.0, 20.5), (4.0, 5.0)], 21.0) == [(0.0, 7.0), (18.0, 21.0)]
    assert stretches([], 21.0) == []


def test_mined_false_alarms_are_event_free_training_data(
    tiny_detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = tmp_path / "quiet" / "night"
    quiet.mkdir(parents=True)
    soundfile.write(quiet / "x.wav", noise_bursts(60.0, [(10.0, 10.5, "hiss"), (40.0, 40.5, "rumble")]), 16_000)
    soundfile.write(quiet / "y.wav", noise_bursts(60.0, []), 16_000)
    out = tmp_path / "mined"
    assert main(["mine", str(tiny_detector), str(tmp_path / "quiet"), "--out", str(out)]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["rumble", "1", "30.0"],
        ["hiss", "1", "30.0"],
    ]
    rows = _rows(out / "mined.tsv")
    assert [row["source"] for row in rows] == ["night/x.wav", "night/x.wav"]
    assert [row["event_labels"] for row in rows] == ["hiss", "rumble"]
    original, _ = soundfile.read(quiet / "x.wav", dtype="int16")
    begin, end = (round(16_000 * float(rows[0][name])) for name in ("begin", "end"))
    assert begin < 10.0 * 16_000 < 10.5 * 16_000 < end
    np.testing.assert_array_equal(soundfile.read(out / rows[0]["filename"], dtype="int16")[0], original[begin:end])
    shutil.move(out, data / "train")
    part = open_dataset(data).splits["train"]
    assert [each.annotations for each in part] == [(), ()]


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


def test_mine_and_suggest_need_recordings(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for words in (["mine", str(tiny_detector), str(empty)], ["suggest", str(empty)], ["suggest", str(empty / "none")]):
        assert main([*words, "--out", str(tmp_path / "out")]) == 1
        assert str(empty) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


BURSTS = [(t, t + 0.3 + 0.05 * (t % 3), "hiss" if t % 6 else "rumble") for t in range(2, 26, 2)]


def test_what_stands_out_is_proposed_where_it_is() -> None:
    frontend = Frontend(make_tables(FrontendConfig()))
    found = proposals(frontend, noise_bursts(30.0, BURSTS))
    assert len(found) == len(BURSTS)
    for proposal, (onset, offset, _) in zip(found, BURSTS, strict=True):
        assert proposal.onset == pytest.approx(onset, abs=0.03)
        assert proposal.offset == pytest.approx(offset, abs=0.03)
    assert proposals(frontend, noise_bursts(30.0, [])) == []
    assert proposals(frontend, np.zeros(100, np.int16)) == []


def test_dense_and_touching_events_are_proposed_one_by_one() -> None:
    frontend = Frontend(make_tables(FrontendConfig()))
    cracks = [(3 + 0.12 * n, 3.02 + 0.12 * n, "hiss") for n in range(10)]
    touching = [(8.0, 8.5, "rumble"), (8.5, 9.0, "hiss")]
    found = proposals(frontend, noise_bursts(20.0, [*cracks, *touching]))
    onsets = [onset for onset, _, _ in [*cracks, *touching]]
    assert [each.onset for each in found] == pytest.approx(onsets, abs=RISE_S), "as exact as a rise is long"


def test_proposals_that_sound_alike_get_one_label() -> None:
    frontend = Frontend(make_tables(FrontendConfig()))
    groups = group_similar(proposals(frontend, noise_bursts(30.0, BURSTS)))
    pairs = set(zip(groups, (label for _, _, label in BURSTS), strict=True))
    assert len(pairs) == 2
    assert groups.count("group1") == 8


def test_suggest_writes_tracks_named_after_the_recordings(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    soundfile.write(folder / "x.flac", noise_bursts(30.0, BURSTS), 16_000)
    soundfile.write(folder / "quiet.wav", noise_bursts(5.0, []), 16_000)
    out = tmp_path / "tracks"
    assert main(["suggest", str(folder), "--out", str(out)]) == 0
    assert len(read_audacity(out / "x.txt")) == len(_rows(out / "suggestions.tsv")) == len(BURSTS)
    assert (out / "quiet.txt").read_text() == ""


def test_a_trained_detector_names_what_it_knows(tiny_detector: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    soundfile.write(folder / "x.wav", noise_bursts(30.0, BURSTS), 16_000)
    assert main(["suggest", str(folder), "--out", str(tmp_path / "out"), "--detector", str(tiny_detector)]) == 0
    assert [each.label for each in read_audacity(tmp_path / "out" / "x.txt")] == [label for _, _, label in BURSTS]


def test_an_excerpt_is_cut_out_of_any_kind_of_recording(tiny_detector: Path, tmp_path: Path) -> None:
    """44.1 kHz in two channels: the part that is read and converted is the one of the whole recording."""
    (tmp_path / "test").mkdir()
    path = tmp_path / "test" / "a.flac"
    left = noise_bursts(8.0, HEARD, rate=44_100)
    soundfile.write(path, np.stack([left, left // 2], axis=1), 44_100)
    (tmp_path / "test" / "a.txt").write_text("1\t1.6\thiss\n4\t5.5\thiss\n")
    detector = Detector.load(tiny_detector)
    false = mistakes(detector, judge_recordings(detector, open_dataset(tmp_path).splits["test"]), "false")
    assert len(false) == 1
    part = excerpt(false[0], 16_000, around_s=0.5)
    assert part.begin_s == pytest.approx(2.0, abs=0.05)
    whole = read_audio(path, 16_000).pcm
    first = round(part.begin_s * 16_000)
    assert abs(len(part.pcm) - 16_000 * (part.end_s - part.begin_s)) <= 2
    middle = slice(2000, len(part.pcm) - 2000)  # at the ends the resampler hears silence, not what was there;
    # rumble is low enough that a fraction of a sample does not matter
    here, there = part.pcm[middle].astype(float), whole[first:][middle].astype(float)
    assert np.corrcoef(here, there)[0, 1] > 0.99

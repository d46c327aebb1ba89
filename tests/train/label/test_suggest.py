"""`stapes suggest`: proposals for recordings without labels, as label tracks that a person opens in Audacity."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from labelled_noise import tsv_rows
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.runtime.labels import read_audacity
from stapes.runtime.main import main
from stapes.runtime.onsets import RISE_S, proposals
from stapes.train.label.suggest import group_similar

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


def test_suggest_writes_tracks_named_after_the_recordings_and_tells_the_size_and_an_example_of_each_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    soundfile.write(folder / "x.flac", noise_bursts(30.0, BURSTS), 16_000)
    soundfile.write(folder / "quiet.wav", noise_bursts(5.0, []), 16_000)
    out = tmp_path / "tracks"
    assert main(["suggest", str(folder), "--out", str(out)]) == 0
    assert len(read_audacity(out / "x.txt")) == len(tsv_rows(out / "suggestions.tsv")) == len(BURSTS)
    assert (out / "quiet.txt").read_text() == ""
    header, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert " ".join(header) == "group proposals median s for example in"
    assert [row[:2] for row in rows] == [["group1", "8"], ["group2", "4"]]
    onsets = {f"{each.onset:.2f}": each.label for each in read_audacity(out / "x.txt")}
    assert all(onsets[row[3]] == row[0] and row[-1] == "x.flac" for row in rows)


def test_a_trained_detector_names_what_it_knows(tiny_detector: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    soundfile.write(folder / "x.wav", noise_bursts(30.0, BURSTS), 16_000)
    assert main(["suggest", str(folder), "--out", str(tmp_path / "out"), "--detector", str(tiny_detector)]) == 0
    assert [each.label for each in read_audacity(tmp_path / "out" / "x.txt")] == [label for _, _, label in BURSTS]


def test_suggest_needs_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, empty / "none"):
        assert main(["suggest", str(folder), "--out", str(tmp_path / "out")]) == 1
        assert str(folder) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

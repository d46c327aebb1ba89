"""Clips in a folder per class become a table: onsets within the clips, event-free folders, and groups by source."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.runtime.labels import read_dcase
from stapes.runtime.main import main

MakeClips = Callable[..., Path]


@pytest.fixture
def make_clips(tmp_path: Path) -> MakeClips:
    """Return a function that writes clips of 2 s with a burst from 0.5 to 0.9 s over faint noise."""

    def make(*names: str, burst: tuple[float, float] = (0.5, 0.9), seconds: float = 2.0) -> Path:
        for name in names:
            noise = np.random.default_rng(len(name)).normal(0, 1, round(seconds * 16_000))
            noise *= 0.001
            noise[round(burst[0] * 16_000) : round(burst[1] * 16_000)] *= 200
            path = tmp_path / "clips" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise, 16_000)
        return tmp_path / "clips"

    return make


def _groups(table: Path) -> dict[str, str]:
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    return {row[0]: row[4] for row in rows}


def _labelled(clips: Path, *words: str) -> Path:
    table = clips / "labels.tsv"
    assert main(["labels", str(clips), "--from", "folders", "--out", str(table), "--force", *words]) == 0
    return table


def test_onsets_are_found_within_clips_and_named_folders_are_event_free(
    make_clips: MakeClips, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = make_clips("cough/a_1.wav", "dog/b_1.wav", "dog/b_2.wav", "rain/c.wav")
    found = read_dcase(_labelled(clips, "--event-free", "rain"))
    assert {name: [event.label for event in events] for name, events in found.items()} == {
        "cough/a_1.wav": ["cough"],
        "dog/b_1.wav": ["dog"],
        "dog/b_2.wav": ["dog"],
        "rain/c.wav": [],
    }
    for events in found.values():
        assert all(abs(each.onset - 0.5) < 0.05 and abs(each.offset - 0.9) < 0.1 for each in events)
    assert "4 clips in 4 groups: 1 events of cough, 2 events of dog; 1 clips without events" in capsys.readouterr().err


def test_folders_that_are_called_noise_are_event_free_and_that_is_said(
    make_clips: MakeClips, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = make_clips("dog/b.wav", "Noise/c.wav")
    assert read_dcase(_labelled(clips))["Noise/c.wav"] == []
    assert "clips in Noise are taken as free of events; --event-free '' makes them a class" in capsys.readouterr().err
    assert [each.label for each in read_dcase(_labelled(clips, "--event-free", ""))["Noise/c.wav"]] == ["Noise"]


def test_a_clip_in_which_nothing_rises_is_an_event_from_end_to_end_and_that_is_said(
    make_clips: MakeClips, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = make_clips("siren/long.wav", burst=(0, 2.0))
    make_clips("siren/click.wav", burst=(0, 0.01), seconds=0.01)
    found = read_dcase(_labelled(clips))
    assert [(each.onset, each.offset) for each in found["siren/long.wav"]] == [(0, 2)]
    assert [(each.onset, each.offset) for each in found["siren/click.wav"]] == [(0, 0.01)]
    assert "labelled from beginning to end; listen to one: siren/click.wav" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "pattern", "groups", "said"),
    [
        (["dog/x_1.wav", "cat/x_2.wav", "cat/y_1.wav"], "^[^_]+", ["x", "x", "y"], ""),
        (["dog/ann/1.wav", "cat/ann/1.wav", "cat/bob/1.wav"], "", ["ann", "ann", "bob"], "by the folders within"),
        (
            ["yes/0a7c2a8d_nohash_0.wav", "no/0a7c2a8d_nohash_1.wav", "no/1b88bf70_nohash_0.wav"],
            "",
            ["0a7c2a8d", "0a7c2a8d", "1b88bf70"],
            "clips are named as in Speech Commands, by speaker",
        ),
        (
            ["dog/1-100032-A-0.wav", "dog/1-100032-B-0.wav", "rooster/5-9032-A-1.wav"],
            "",
            ["100032", "100032", "9032"],
            "clips are named as in ESC-50",
        ),
        (["dog/a.wav", "dog/b.wav", "cat/a.wav"], "", ["dog/a.wav", "dog/b.wav", "cat/a.wav"], "group of its own"),
    ],
)
def test_clips_are_grouped_by_source_and_never_by_class(
    make_clips: MakeClips,
    capsys: pytest.CaptureFixture[str],
    names: list[str],
    pattern: str,
    groups: list[str],
    said: str,
) -> None:
    clips = make_clips(*names)
    assert _groups(_labelled(clips, *(["--group-pattern", pattern] if pattern else []))) == dict(
        zip(names, groups, strict=True)
    )
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "words", "message"),
    [
        (["dog/a.wav", "b.wav"], [], "b.wav: lies in no folder of a class; move it into one (1 such files)"),
        (
            ["train/dog/a.wav"],
            [],
            "train: is the name of a part of a dataset, not of a class; give each part on its own",
        ),
        (["dog/a.wav"], ["--event-free", "rain"], "--event-free rain: there is no such folder with clips"),
        (["dog/a.wav"], ["--group-pattern", "("], "--group-pattern '(' is not a regular expression"),
        (["dog/a.wav"], ["--to", "audacity"], "--from folders writes a table of its own; leave out --to"),
        (["dog/a.wav"], ["--update"], "--from folders writes a table of its own; leave out --update"),
    ],
)
def test_what_is_no_folder_of_clips_is_refused(
    make_clips: MakeClips, capsys: pytest.CaptureFixture[str], names: list[str], words: list[str], message: str
) -> None:
    assert main(["labels", str(make_clips(*names)), "--from", "folders", *words]) == 1
    assert message in capsys.readouterr().err


def test_a_clip_that_cannot_be_read_is_named_or_left_out(
    make_clips: MakeClips, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = make_clips("dog/a.wav", "dog/b.wav")
    (clips / "dog" / "b.wav").write_bytes(b"no")
    assert main(["labels", str(clips), "--from", "folders"]) == 1
    assert "b.wav: cannot be read as audio" in capsys.readouterr().err
    assert list(read_dcase(_labelled(clips, "--skip-bad"))) == ["dog/a.wav"]
    assert "1 clips cannot be read and are left out" in capsys.readouterr().err


def test_a_folder_without_from_is_told_how_to_read_it(
    make_clips: MakeClips, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["labels", str(make_clips("dog/a.wav"))]) == 1
    assert (
        "is a folder; if it holds a folder of clips per class, read it with --from folders" in capsys.readouterr().err
    )
    assert main(["labels", "x.txt", "--event-free", "noise"]) == 1
    assert "--event-free is for --from folders" in capsys.readouterr().err

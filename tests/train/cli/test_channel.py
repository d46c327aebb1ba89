"""`--channel` chooses what is heard of recordings with several channels, in every command that reads them.

The left channel holds the sounds that are labelled as hiss, the right one holds rumbles at other times.
"""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.main import main
from stapes.train.data.background import open_background
from stapes.train.data.corpus import load_corpus
from stapes.train.data.dataset import Recording, open_dataset
from stapes.train.data.options import DatasetOptions
from stapes.train.judge import scored
from stapes.train.learn.sources import Sources
from stapes.train.settings import Settings, read_settings, write_settings

LEFT, RIGHT = [(1.0, 1.6, "hiss")], [(2.2, 2.8, "rumble")]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three recordings of two channels in each split."""
    for split in ("train", "val"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        for index in range(3):
            channels = [noise_bursts(4.0, LEFT, seed=index), noise_bursts(4.0, RIGHT, seed=9 + index)]
            soundfile.write(folder / f"{index}.wav", np.stack(channels, axis=1), 16_000)
            (folder / f"{index}.txt").write_text("1.0\t1.6\thiss\n")
    return tmp_path / "data"


@pytest.fixture
def of_right_channel(tiny_detector: Path, tmp_path: Path) -> Path:
    """A detector that was trained on the right channel."""
    path = Path(shutil.copytree(tiny_detector, tmp_path / "right.stapes"))
    replace(read_folder(path), provenance={"channel": 2}).write()
    return path


def hits(capsys: pytest.CaptureFixture[str], *words: str | Path) -> int:
    """Return how many of the three labelled hisses `stapes evaluate` counts as heard."""
    assert main(["evaluate", *map(str, words), "--json"]) == 0
    return int(json.loads(capsys.readouterr().out)["figures"]["events"]["classes"]["hiss"]["n_hits"])


def test_evaluate_hears_the_channel_that_is_named_and_else_that_of_training(
    tiny_detector: Path, of_right_channel: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hits(capsys, tiny_detector, dataset, "--channel", "1") == 3
    assert hits(capsys, tiny_detector, dataset, "--channel", "2") == 0
    assert hits(capsys, of_right_channel, dataset) == 0
    assert hits(capsys, of_right_channel, dataset, "--channel", "1") == 3
    assert hits(capsys, of_right_channel, dataset, "--channel", "mean") == 3


def test_review_hears_the_channel_of_training(of_right_channel: Path, dataset: Path, tmp_path: Path) -> None:
    for channel, found in (((), 0), (("--channel", "1"), 3)):
        out = tmp_path / f"review{found}"
        assert main(["review", str(of_right_channel), str(dataset), "--out", str(out), *channel]) == 0
        assert sum("hiss" in track.read_text() for track in (out / "detected").rglob("*.txt")) == found


def test_tune_hears_the_channel_of_training_in_recordings_and_backgrounds(
    of_right_channel: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int | None] = []

    def features_of(folder: DetectorFolder, recordings: list[Recording]) -> list[NDArray[np.int8]]:
        heard.extend(each.channel for each in recordings)
        if any(each.name.startswith("background") for each in recordings):
            raise ConfigError("enough was seen")
        return [np.zeros((300, folder.frontend.n_bands), np.int8) for _ in recordings]

    monkeypatch.setattr(scored, "features_of", features_of)
    (tmp_path / "quiet").mkdir()
    noise = np.random.default_rng(0).integers(-90, 90, (16_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "quiet" / "q.wav", noise, 16_000)
    words = ["tune", str(of_right_channel), str(dataset), "--background", str(tmp_path / "quiet")]
    for more, channel in (((), 2), (("--channel", "1"), 1), (("--channel", "mean"), None)):
        heard.clear()
        assert main([*words, *more]) == 1
        assert heard == [channel] * 4


def test_adapt_hears_the_channel_of_training(
    of_right_channel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    channels = [noise_bursts(64.0, LEFT), noise_bursts(64.0, RIGHT, seed=9)]
    soundfile.write(place / "hall.wav", np.stack(channels, axis=1), 16_000)
    counted = {}
    for channel in ((), ("--channel", "1")):
        words = ["adapt", str(of_right_channel), "--recordings", str(place), "--alarms-per-hour", "99", "--dry-run"]
        assert main([*words, *channel]) == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        counted[channel] = {row[0]: row[1] for row in rows if row[:1] in (["hiss"], ["rumble"])}
    assert counted[()]["hiss"] == "0.0" == counted["--channel", "1"]["rumble"]
    assert float(counted[()]["rumble"]) > 0


def test_what_is_mined_from_a_channel_is_trained_on_as_it_is(
    of_right_channel: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mined"
    assert main(["mine", str(of_right_channel), str(dataset / "val"), "--out", str(out)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [["rumble", "3", "900.0"], ["hiss", "0", "0.0"]]
    shutil.move(out, dataset / "train" / "mined")
    recordings = open_dataset(dataset, DatasetOptions(channel=2)).splits["train"]
    assert {each.channel for each in recordings if "mined" in each.name} == {None}
    assert {each.channel for each in recordings if "mined" not in each.name} == {2}
    assert {each.channel for each in open_background([dataset / "train" / "mined"], 2)} == {None}


def test_suggest_and_labels_from_folders_hear_the_channel_that_is_named(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for channel, onset in (("1", 1.0), ("2", 2.2)):
        out = tmp_path / f"tracks{channel}"
        assert main(["suggest", str(dataset / "val"), "--out", str(out), "--channel", channel]) == 0
        assert float((out / "0.txt").read_text().split("\t")[0]) == pytest.approx(onset, abs=0.1)
        assert main(["labels", str(dataset), "--from", "folders", "--event-free", "", "--channel", channel]) == 1
        assert "is the name of a part of a dataset" in capsys.readouterr().err
        clips = tmp_path / f"clips{channel}"
        shutil.copytree(dataset / "val", clips / "hiss")
        table = tmp_path / f"{channel}.tsv"
        words = [str(clips), "--from", "folders", "--out", str(table), "--channel", channel]
        assert main(["labels", *words]) == 0
        assert float(table.read_text().splitlines()[1].split("\t")[1]) == pytest.approx(onset, abs=0.1)


def test_check_listens_to_the_channel_that_is_named(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratios = {}
    for channel in ("1", "2"):
        assert main(["check", str(dataset), "--channel", channel]) == 0
        rows = [line.split() for line in capsys.readouterr().out.splitlines()]
        ratios[channel] = next(float(row[1]) for row in rows if row[:1] == ["hiss"] and "of" in row)
    assert ratios["1"] > 40
    assert ratios["2"] < 10


def test_train_hears_one_channel_of_recordings_and_of_backgrounds_and_keeps_it_in_the_settings(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def train_detector(dataset: object, out: Path, settings: Settings, sources: Sources, **_: object) -> object:
        seen.update(dataset=dataset, settings=settings, background=sources.background)
        return SimpleNamespace(scores={"val": {"macro_f1_onset": {"value": 0.5}}})

    monkeypatch.setitem(
        sys.modules, "stapes.train.run", SimpleNamespace(train_detector=train_detector)
    )  # no TensorFlow
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    noise = np.random.default_rng(0).integers(-90, 90, (16_000, 2)).astype(np.int16)
    soundfile.write(quiet / "q.wav", noise, 16_000)
    words = ["train", str(dataset), "--out", str(tmp_path / "x.stapes"), "--background", str(quiet), "--channel", "2"]
    assert main(words) == 0
    heard: list[Recording] = [*seen["dataset"].recordings, *seen["background"].train]
    assert {each.channel for each in heard} == {2}
    assert seen["settings"].channel == 2
    config = tmp_path / "settings.toml"
    config.write_text(write_settings(seen["settings"]))
    assert read_settings(config) == seen["settings"]
    assert main([*words[:-2], "--config", str(config)]) == 0
    assert {each.channel for each in seen["dataset"].recordings} == {2}
    assert main([*words[:-2], "--config", str(config), "--channel", "mean"]) == 0
    assert {each.channel for each in seen["dataset"].recordings} == {None}


def test_training_and_the_detector_get_the_samples_of_the_channel(dataset: Path, tmp_path: Path) -> None:
    recordings = open_dataset(dataset, DatasetOptions(channel=2)).splits["train"]
    corpus = load_corpus("train", recordings, ["hiss"], 16_000, tmp_path / "train.s16")
    for index, recording in enumerate(recordings):
        right = soundfile.read(recording.path, dtype="int16")[0][:, 1]
        np.testing.assert_array_equal(corpus.recording(index), right)
        np.testing.assert_array_equal(recording.pcm(16_000), right)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("evaluate", "{detector}", "{data}", "--channel", "3"), "has channels 1 to 2, not 3; correct --channel"),
        (("train", "--print-config", "--config", "{data}/settings.toml"), 'channel is 0: need "mean", or 1 to 1024'),
        (("labels", "{data}/val/0.txt", "--channel", "1"), "--channel is for --from folders; leave it out"),
    ],
)
def test_a_channel_that_cannot_be_heard_is_refused_in_one_line(
    tiny_detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    (dataset / "settings.toml").write_text("channel = 0\n")
    assert main([word.format(detector=tiny_detector, data=dataset) for word in words]) == 1
    assert complaint in capsys.readouterr().err.splitlines()[-1]


def test_a_channel_is_a_number_from_1_or_the_mean(
    tiny_detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", str(tiny_detector), str(dataset), "--channel", "left"])
    assert "'left' is neither the number of a channel, counted from 1, nor `mean`" in capsys.readouterr().err
    damaged = shutil.copytree(tiny_detector, dataset.parent / "damaged.stapes")
    replace(read_folder(damaged), provenance={"channel": "left"}).write()
    assert main(["evaluate", str(damaged), str(dataset)]) == 1
    assert "channel is 'left', neither a number from 1" in capsys.readouterr().err

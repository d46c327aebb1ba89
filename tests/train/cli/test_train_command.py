"""`stapes train` from end to end: the detector folder, reproducible weights, resuming, and one-line errors."""

import hashlib
import json
import os
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

pytest.importorskip("tensorflow")

from backbone_files import random_weights, write_keras_weights
from network_settings import SHORT_SEARCH, TINY_NETWORK

import stapes.train.run
from stapes.convert.tensorflow import tf
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.detector import Detector
from stapes.runtime.main import build_parser, main
from stapes.train.data.background import Background
from stapes.train.data.content import content_id
from stapes.train.data.soundscapes import SyntheticSplit, synthesize
from stapes.train.learn.backbone import read_backbone
from stapes.train.learn.fit import Trainer
from stapes.train.learn.saved_networks import load_float
from stapes.train.learn.sources import Sources
from stapes.train.settings import read_settings

SMALL = f"""{TINY_NETWORK}[training]
sequence_s = 2.0
batch_sequences = 2
float_steps = 8
quantized_steps = 4
check_every_steps = 4
{SHORT_SEARCH}"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("train") / "sounds"
    synthesize(path, [SyntheticSplit("train", 3), SyntheticSplit("val", 2)], seed=1)
    (path.parent / "small.toml").write_text(SMALL)
    return path


def train(sounds: Path, out: Path, *more: str) -> int:
    return main(["train", str(sounds), "--out", str(out), "--config", str(sounds.parent / "small.toml"), *more])


@pytest.fixture(scope="module")
def trained(sounds: Path) -> Path:
    out = sounds.parent / "one.stapes"
    assert train(sounds, out) == 0
    return out


def test_the_folder_is_complete_and_its_detector_runs(trained: Path, sounds: Path) -> None:
    folder = read_folder(trained)
    assert folder.classes == ("beep", "crack", "pop")
    assert folder.frames_per_step == 2
    assert set(folder.scores) == {"val", "note", "parity", "event_free"}
    assert folder.provenance["seed"] == 1
    assert set(folder.provenance["trained_on"]).isdisjoint(folder.operating_point["recordings"])
    assert read_settings(trained / "training" / "settings.toml").training.float_steps == 8
    rows = [line.split("\t") for line in (trained / "training" / "split.tsv").read_text().splitlines()[1:]]
    assert {content for _, split, content in rows if split == "train"} == set(folder.provenance["trained_on"])
    assert {content for _, split, content in rows if split == "val"} == set(folder.operating_point["recordings"])
    assert folder.provenance["channel"] == "mean"
    assert (trained / "training" / "history.csv").read_text().count("\n") == 4
    assert {"one.c", "one.h"} <= {path.name for path in (trained / "c").iterdir()}
    assert Detector.load(trained).scores(np.zeros(16_000, np.int16)).shape[1] == 3
    assert not list(sounds.parent.glob(".*")), "nothing is left beside the output"


@pytest.fixture(scope="module")
def quiet(sounds: Path) -> Path:
    """A folder of four recordings of noise without any event, 4 s each."""
    folder = sounds.parent / "quiet"
    folder.mkdir()
    for index in range(4):
        noise = np.random.default_rng(index).normal(0, 0.01, 4 * 16_000).astype(np.float32)
        soundfile.write(folder / f"night_{index}.wav", noise, 16_000)
    return folder


@pytest.mark.slow
def test_a_background_is_trained_on_and_its_rest_counts_as_time_without_events(
    trained: Path, sounds: Path, quiet: Path
) -> None:
    out = sounds.parent / "quieter.stapes"
    assert train(sounds, out, "--background", str(quiet)) == 0
    before, after = read_folder(trained), read_folder(out)
    learned = set(after.provenance["trained_on"]) - set(before.provenance["trained_on"])
    judged = set(after.operating_point["recordings"]) - set(before.operating_point["recordings"])
    assert len(learned) + len(judged) == 4
    assert learned
    assert judged
    for label, rate in after.operating_point["alarms"].items():
        hours = rate["hours"] - before.operating_point["alarms"][label]["hours"]
        assert hours * 3600 == pytest.approx(4 * len(judged), rel=0.05)
    assert (out / "model.tflite").read_bytes() != (trained / "model.tflite").read_bytes()


def test_recordings_without_labels_are_refused_without_a_teacher(
    sounds: Path, quiet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(sounds, tmp_path / "x.stapes", "--unlabelled", str(quiet)) == 1
    assert "recordings without labels need a teacher" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_background_with_labelled_events_is_refused(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(sounds, tmp_path / "x.stapes", "--background", str(sounds / "train")) == 1
    assert "which was declared free of events" in capsys.readouterr().err


@pytest.mark.slow
def test_a_detector_begins_with_a_backbone_and_every_target_computes_its_bits(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The backbone has random weights in YAMNet's layout. The referee of the bits is `stapes verify`."""
    weights = write_keras_weights(tmp_path / "random.h5", random_weights(3))
    few = SMALL[SMALL.index("[training]") :]
    few = few.replace("quantized_steps = 4", "quantized_steps = 0\nhead_steps = 4\nfine_tuned_share = 0")
    (tmp_path / "few.toml").write_text(few)
    out = tmp_path / "ear.stapes"
    command = ["train", str(sounds), "--out", str(out), "--config", str(tmp_path / "few.toml")]
    command += ["--backbone", str(weights), "--backbone-layers", "3"]
    update, calls = Trainer.update, []

    def stop(self: Trainer, *arguments: object) -> float:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return update(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", stop)
        assert main(command) == 130
    assert main(command) == 0, "a run that was stopped while the head was trained is resumed"
    folder = read_folder(out)
    assert folder.provenance["backbone"] == {
        "file": "random.h5",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "layers": 3,
    }
    assert folder.frames_per_step == 4
    network = load_float(folder)
    layers = [layer.name for layer in network.shape.convolutions if layer.pretrained]
    for name, given in zip(layers, read_backbone(weights, 3).convolutions, strict=True):
        assert np.allclose(network.biases[name], given.bias), "of what all layers learned, a share of 0 was to be kept"
    capsys.readouterr()
    assert main(["verify", str(out)]) == 0
    assert "differ" not in capsys.readouterr().out


def test_a_backbone_is_refused_before_a_recording_is_read(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.h5").write_text("<html>")
    assert train(sounds, tmp_path / "x.stapes", "--backbone", str(tmp_path / "page.h5")) == 1
    error = capsys.readouterr().err
    assert "is neither an HDF5 file nor a .tflite" in error
    assert "reading" not in error


@pytest.mark.slow
def test_training_goes_on_from_the_weights_of_another_detector(trained: Path, sounds: Path, tmp_path: Path) -> None:
    still = SMALL[SMALL.index("[training]") :].replace("float_steps = 8", "float_steps = 1\nlearning_rate = 1e-9")
    (tmp_path / "still.toml").write_text(still)
    out = tmp_path / "on.stapes"
    command = ["train", str(sounds), "--out", str(out), "--from", str(trained)]
    assert main([*command, "--config", str(tmp_path / "still.toml")]) == 0
    before, after = (np.load(path / "training" / "float.npz") for path in (trained, out))
    np.testing.assert_allclose(after["variable_000"], before["variable_000"], atol=1e-6)  # the first kernel
    first, folder = read_folder(trained), read_folder(out)
    assert folder.provenance["from_model"] == first.model_sha256
    assert set(folder.provenance["trained_on"]) >= set(first.provenance["trained_on"])


@pytest.mark.slow
def test_levels_that_the_former_detector_was_trained_on_are_within_those_of_a_training_that_goes_on_from_it(
    trained: Path, sounds: Path, tmp_path: Path
) -> None:
    former = tmp_path / "former.stapes"
    shutil.copytree(trained, former)
    folder = read_folder(former)
    own = folder.provenance["sound"]
    quieter = {"level_db": [own["level_db"][0] - 30, *own["level_db"][1:]], "colour_db": own["colour_db"]}
    replace(folder, provenance=folder.provenance | {"sound": quieter}).write()
    out = tmp_path / "on.stapes"
    (tmp_path / "few.toml").write_text(SMALL[SMALL.index("[training]") :])
    command = ["train", str(sounds), "--out", str(out), "--from", str(former), "--config", str(tmp_path / "few.toml")]
    assert main(command) == 0
    assert read_folder(out).provenance["sound"]["level_db"] == pytest.approx(quieter["level_db"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--size", "medium"], "--size does not go with --from, which keeps the network of"),
        (["--config", "{other}"], "changes the network or the frontend of .*, which --from keeps"),
    ],
)
def test_a_detector_that_is_trained_on_keeps_its_network(
    trained: Path, sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    (tmp_path / "other.toml").write_text("[network]\ngru_units = 9\n")
    options = [each.format(other=tmp_path / "other.toml") for each in more]
    assert main(["train", str(sounds), "--out", str(tmp_path / "x.stapes"), "--from", str(trained), *options]) == 1
    assert re.search(message, capsys.readouterr().err)


def test_a_detector_that_is_trained_on_keeps_the_limits_that_it_was_tuned_for(
    trained: Path, sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = tmp_path / "tuned.stapes"
    limits = ["--false-alarms-per-hour", "crack=300", "--silent", "pop"]
    assert main(["tune", str(trained), str(sounds), *limits, "--out", str(tuned)]) == 0
    capsys.readouterr()
    (tmp_path / "hits.toml").write_text("[operating_point]\nhits = 'overlap'\n")
    command = ["train", "--print-config", "--from", str(tuned), "--config", str(tmp_path / "hits.toml")]
    assert main(command) == 0
    printed = capsys.readouterr()
    (tmp_path / "printed.toml").write_text(printed.out)
    point = read_settings(tmp_path / "printed.toml").operating_point
    assert (point.false_alarms_per_hour_of_class, point.silent, point.hits) == ({"crack": 300.0}, ("pop",), "overlap")
    assert (
        point.smoothing_steps == read_settings(trained / "training" / "settings.toml").operating_point.smoothing_steps
    )
    assert "thresholds will be chosen with at most 300 false alarms per hour of crack, pop silent" in printed.err
    assert "are not kept" not in printed.err
    assert f"hits.toml changes settings of a training from {tuned}: operating_point.hits" in printed.err
    assert main([*command[:-1], str(tuned / "training" / "settings.toml")]) == 0
    changed = "training.float_steps, .*operating_point.false_alarms_per_hour_of_class, operating_point.silent"
    assert re.search(changed, capsys.readouterr().err), "a whole file of settings also replaces these"
    assert main(["tune", str(tuned), str(sounds), "--threshold", "pop=0.5"]) == 0
    assert main(["train", "--print-config", "--from", str(tuned)]) == 0
    printed = capsys.readouterr()
    assert "silent = []" in printed.out, "what is heard again by hand stays so"
    assert "that were set by hand or by `stapes adapt` are not kept; set them again" in printed.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"silent": ["nope"]}, "operating_point.settings cannot be used: 'nope' is to be silent but is no class"),
        ({"silent": 5}, "silent = 5 is not a list, each a string; correct it, or run `stapes tune` again"),
    ],
)
def test_a_damaged_choice_of_thresholds_is_named(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, object], message: str
) -> None:
    path = Path(shutil.copytree(trained, tmp_path / "damaged.stapes")) / "detector.json"
    content = json.loads(path.read_text())
    content["operating_point"]["settings"] = settings
    path.write_text(json.dumps(content))
    assert main(["train", "--print-config", "--from", str(path.parent)]) == 1
    assert message in capsys.readouterr().err


def test_a_detector_is_trained_on_with_its_own_classes_only(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesize(tmp_path / "other", [SyntheticSplit("train", 2), SyntheticSplit("val", 1)], seed=2)
    (tmp_path / "other" / "label_map.tsv").write_text("label\tclass\nbeep\ttone\n")
    assert main(["train", str(tmp_path / "other"), "--out", str(tmp_path / "x.stapes"), "--from", str(trained)]) == 1
    assert "training goes on with the same classes only" in capsys.readouterr().err


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained: Path, sounds: Path) -> None:
    assert train(sounds, sounds.parent / "two.stapes") == 0
    assert (sounds.parent / "two.stapes" / "model.tflite").read_bytes() == (trained / "model.tflite").read_bytes()
    assert train(sounds, sounds.parent / "three.stapes", "--seed", "2") == 0
    assert (sounds.parent / "three.stapes" / "model.tflite").read_bytes() != (trained / "model.tflite").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [5, 10])
def test_a_stopped_run_is_resumed_to_the_same_weights(
    trained: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    update, calls = Trainer.update, []

    def stop(self: Trainer, *arguments: object) -> float:
        calls.append(arguments)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return update(self, *arguments)  # type: ignore[arg-type]

    out = tmp_path / "x.stapes"
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", stop)
        assert train(sounds, out) == 130
    assert not out.exists()
    calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", lambda self, *rest: calls.append(rest) or update(self, *rest))
        assert train(sounds, out) == 0
    assert len(calls) == 12 - (stop_at - 1), "updates that were done are not done again"
    assert (out / "model.tflite").read_bytes() == (trained / "model.tflite").read_bytes()


@pytest.mark.slow
def test_a_small_detector_learns_from_another_and_from_sound_without_labels(
    trained: Path, sounds: Path, quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with a teacher that is stopped goes on to the weights of one that is not.

    The student knows the recordings that its teacher knows, also those that are not in its own dataset.
    """
    path = Path(shutil.copytree(trained, tmp_path / "teacher.stapes"))
    teacher = read_folder(path)
    teacher.provenance["trained_on"].append("1" * 16)
    teacher.operating_point["recordings"].append("2" * 16)
    teacher.write()
    more = ("--teacher", str(path), "--unlabelled", str(quiet))
    whole, resumed = tmp_path / "whole.stapes", tmp_path / "resumed.stapes"
    assert train(sounds, whole, *more) == 0
    update, calls = Trainer.update, []

    def stop(self: Trainer, *arguments: object) -> float:
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return update(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", stop)
        assert train(sounds, resumed, *more) == 130
    assert train(sounds, resumed, *more) == 0
    assert (resumed / "model.tflite").read_bytes() == (whole / "model.tflite").read_bytes()
    assert (whole / "model.tflite").read_bytes() != (trained / "model.tflite").read_bytes()
    folder = read_folder(whole)
    assert folder.provenance["teacher_model"] == teacher.model_sha256
    assert teacher.provenance["teacher_model"] is None
    learned = set(folder.provenance["trained_on"]) - set(teacher.provenance["trained_on"])
    assert learned == {content_id(path) for path in quiet.iterdir()}
    assert folder.operating_point["recordings"] == teacher.operating_point["recordings"]


@pytest.mark.slow
def test_a_run_that_was_stopped_while_val_was_scored_is_resumed_to_the_same_weights(
    trained: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> float:
        raise KeyboardInterrupt

    out = tmp_path / "x.stapes"
    with monkeypatch.context() as patch:
        patch.setattr(stapes.train.learn.phase, "frame_precision", stop)
        assert train(sounds, out) == 130
    assert train(sounds, out) == 0
    assert (out / "model.tflite").read_bytes() == (trained / "model.tflite").read_bytes()
    history = (out / "training" / "history.csv", trained / "training" / "history.csv")
    assert history[0].read_text() == history[1].read_text(), "the check that was interrupted is made again"


def _steps_of(folder: Path) -> list[list[str]]:
    rows = (folder / "training" / "history.csv").read_text().splitlines()[1:]
    return [row.split(",")[:2] for row in rows]


@pytest.mark.slow
def test_training_ends_early_with_the_best_state_when_val_stops_improving(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If val scores best at the first check, a long run with patience gives the weights of a run that ends there."""
    patient = SMALL.replace("float_steps = 8", "float_steps = 40\npatience_steps = 8")
    (tmp_path / "patient.toml").write_text(patient)
    scores = iter([0.5, 0.4, 0.3, 0.1])
    monkeypatch.setattr(stapes.train.learn.phase, "frame_precision", lambda *_: next(scores))
    kept = []
    swap = Trainer.swap_average
    monkeypatch.setattr(
        Trainer, "swap_average", lambda self: kept.append((self.done, self.state()["variable_000"])) or swap(self)
    )
    out = tmp_path / "x.stapes"
    assert main(["train", str(sounds), "--out", str(out), "--config", str(tmp_path / "patient.toml")]) == 0
    assert _steps_of(out) == [["float", "4"], ["float", "8"], ["float", "12"], ["quantized", "4"]]
    assert "ended early: best score on val 0.500 at gradient step 4" in capsys.readouterr().err
    (at_first_check, first), *_, (at_end, last), _, _ = kept
    assert at_first_check == at_end == 4
    np.testing.assert_array_equal(first, last)


@pytest.mark.slow
def test_tensorboard_finds_the_curves(trained: Path, sounds: Path, tmp_path: Path) -> None:
    """The referee is TensorFlow's own reader of event files. The weights equal those of a run without curves."""
    assert train(sounds, tmp_path / "x.stapes", "--tensorboard", str(tmp_path / "logs")) == 0
    assert (tmp_path / "x.stapes" / "model.tflite").read_bytes() == (trained / "model.tflite").read_bytes()
    (file,) = (tmp_path / "logs").iterdir()
    curves: dict[str, list[int]] = {}
    for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name in ("scalars", "")
            curves.setdefault(value.tag, []).append(event.step)
    assert curves["float/val_frame_average_precision"] == [4, 8]
    assert curves["quantized/val_frame_average_precision"] == [4]


def test_a_tensorboard_folder_that_cannot_be_written_is_an_error(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file")
    assert train(sounds, tmp_path / "x.stapes", "--tensorboard", str(tmp_path / "logs")) == 1
    assert f"{tmp_path}/logs: logs cannot be written there" in capsys.readouterr().err


def test_an_existing_output_is_kept_without_force(
    trained: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "detector.json").read_bytes()
    assert train(sounds, trained) == 1
    assert "--force" in capsys.readouterr().err
    assert (trained / "detector.json").read_bytes() == before


def test_digital_silence_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "val"):
        (tmp_path / "data" / split).mkdir(parents=True)
        soundfile.write(tmp_path / "data" / split / "a.wav", np.zeros(32_000, np.int16), 16_000)
        (tmp_path / "data" / split / "a.txt").write_text("0.5\t0.7\tpop\n")
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "x.stapes")]) == 1
    assert "a.wav: all samples are zero, as in every recording of train" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing may be left"


def test_a_loss_that_is_not_finite_stops_the_run(
    sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "wild.toml"
    settings.write_text(SMALL.replace("float_steps = 8", "float_steps = 60\nlearning_rate = 1.0\nweight_decay = 10.0"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_update", lambda *_: np.float32("nan"))
        code = main(["train", str(sounds), "--out", str(tmp_path / "x.stapes"), "--config", str(settings)])
    assert code == 1
    assert (
        "float training: at gradient step 0 of 60 the loss became nan or infinite; lower learning_rate"
        in capsys.readouterr().err
    )


def test_print_config_prints_settings_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--print-config", "--seed", "9"]) == 0
    (tmp_path / "printed.toml").write_text(capsys.readouterr().out)
    assert read_settings(tmp_path / "printed.toml").seed == 9


@pytest.fixture
def six_layers(tmp_path: Path) -> Path:
    """A file of random weights of YAMNet's first six layers."""
    return write_keras_weights(tmp_path / "weights.h5", random_weights(6, seed=1))


def print_config(network: str, file: Path, *options: str) -> int:
    """Run `stapes train --print-config` with a settings file that has this table [network]."""
    file.write_text(f"[network]\n{network}\n")
    return main(["train", "--print-config", "--config", str(file), *options])


def test_a_backbone_in_a_settings_file_brings_its_size_and_training(
    six_layers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = f'backbone = "{six_layers}"\nbackbone_layers = 4'
    assert print_config(network, tmp_path / "some.toml") == 0
    from_file = capsys.readouterr().out
    assert main(["train", "--print-config", "--backbone", str(six_layers), "--backbone-layers", "4"]) == 0
    assert capsys.readouterr().out == from_file
    assert "fine_tuned_share = 0.5" in from_file
    assert "quantized_steps = 0" in from_file
    assert print_config(network, tmp_path / "some.toml", "--backbone", str(six_layers)) == 0
    assert capsys.readouterr().out == from_file


def test_a_wrong_number_of_layers_in_a_settings_file_is_named_with_its_line(
    six_layers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_config(f'backbone = "{six_layers}"\nbackbone_layers = 0', tmp_path / "some.toml") == 1
    assert "some.toml:3: network: backbone_layers is 0" in capsys.readouterr().err
    assert print_config(f'backbone = "{six_layers}"\nbackbone_layers = 7', tmp_path / "some.toml") == 1
    assert f"some.toml: names a backbone: {six_layers}: has 6 layers, but 7 are asked for" in capsys.readouterr().err


def test_a_settings_file_may_be_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Its second reader would find it empty, and an empty file is one that keeps all defaults."""
    reading, writing = os.pipe()
    os.write(writing, b"seed = 7\n")
    os.close(writing)
    assert main(["train", "--print-config", "--config", f"/dev/fd/{reading}"]) == 0
    os.close(reading)
    assert "\nseed = 7\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        ("gru_units = 32", ["--size", "medium"], "some.toml changes settings of the size: network.gru_units"),
        (
            "gru_units = 32\n[training]\nfloat_steps = 9",
            ["--backbone", "{file}"],
            "network.gru_units, training.float_steps",
        ),
        ("gru_units = 32", [], ""),
        (
            "backbone = ''\nbackbone_layers = 0",  # as `--print-config --size medium` prints them
            ["--backbone", "{file}"],
            "backbone is '', but --backbone says '{file}'; leave the option out, or delete",
        ),
        (
            "backbone = '{file}'\nbackbone_layers = 4",
            ["--backbone", "{file}", "--backbone-layers", "5"],
            "backbone_layers is 4, but --backbone-layers says 5; leave the option out, or delete",
        ),
    ],
)
def test_a_settings_file_replaces_no_option_in_silence(
    six_layers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    config: str,
    options: list[str],
    message: str,
) -> None:
    config, message, *options = (each.format(file=six_layers) for each in (config, message, *options))
    code = print_config(config, tmp_path / "some.toml", *options)
    said = capsys.readouterr().err
    assert code == ("leave the" in message)
    assert message in said
    assert bool(said) == bool(message)


@pytest.fixture
def backgrounds(monkeypatch: pytest.MonkeyPatch) -> list[Background]:
    """The background of each training of the test, none of which is done."""
    given = []

    def train_detector(dataset: object, out: Path, settings: object, sources: Sources, **more: object) -> object:
        given.append(sources.background)
        return SimpleNamespace(scores={"val": {"macro_f1_onset": {"value": 0.5}}})

    monkeypatch.setattr(stapes.train.run, "train_detector", train_detector)
    return given


def test_copies_of_a_background_are_not_trained_on_where_false_alarms_are_counted(
    sounds: Path, quiet: Path, tmp_path: Path, backgrounds: list[Background], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each folder is a group, so without the copies one recording would be in both parts."""
    copied = Path(shutil.copytree(quiet, tmp_path / "copied"))
    assert train(sounds, tmp_path / "x.stapes", "--background", str(quiet), "--background", str(copied)) == 0
    (background,) = backgrounds
    assert sorted(each.path for each in [*background.train, *background.val]) == sorted(quiet.iterdir())
    assert background.val
    assert "4 of 8 recordings are left out, as their hours would count twice" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["--teacher", "--from"])
def test_false_alarms_are_counted_in_no_background_that_the_detector_before_was_trained_on(
    trained: Path, sounds: Path, quiet: Path, tmp_path: Path, backgrounds: list[Background], source: str
) -> None:
    path = Path(shutil.copytree(trained, tmp_path / "before.stapes"))
    before = read_folder(path)
    before.provenance["trained_on"] += map(content_id, quiet.iterdir())
    before.write()
    command = ["train", str(sounds), "--out", str(tmp_path / "x.stapes"), source, str(path)]
    assert main([*command, "--background", str(quiet)]) == 0
    assert len(backgrounds[0].train) == 4
    assert not backgrounds[0].val


@pytest.mark.parametrize(("split", "expected"), [("val", "x.stapes` hears with it"), ("test", "judges it on test")])
def test_train_ends_with_the_next_command_and_what_to_expect_elsewhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    split: str,
    expected: str,
) -> None:
    for part in dict.fromkeys(("train", "val", split)):
        synthesize(tmp_path / "my sounds", [SyntheticSplit(part, 1)], seed=1)
    trained = SimpleNamespace(scores={"val": {"macro_f1_onset": {"value": 0.5}}})
    monkeypatch.setattr(stapes.train.run, "train_detector", lambda *words, **more: trained)
    assert main(["train", str(tmp_path / "my sounds"), "--out", str(tmp_path / "x.stapes")]) == 0
    *_, following, elsewhere = capsys.readouterr().err.splitlines()
    assert following.startswith("next: `stapes ")
    assert expected in following
    commands = [command for line in (following, elsewhere) for command in re.findall("`(stapes .*?)`", line)]
    parser = build_parser()
    for command in commands:
        parsed = parser.parse_args(shlex.split(command)[1:])
        assert parsed.detector == tmp_path / "x.stapes"
        assert getattr(parsed, "dataset", tmp_path / "my sounds") == tmp_path / "my sounds"
    assert "fewer hits and more false alarms in other rooms and with other microphones" in elsewhere
    assert (Path(__file__).parents[3] / re.search(r"docs/\S+\.md", elsewhere)[0]).is_file()  # type: ignore[index]


@pytest.mark.parametrize(
    ("point", "options"),
    [
        ("", "--false-alarms-per-hour 10"),
        ("silent = ['pop']", "--false-alarms-per-hour 10 --silent pop"),
        ("false_alarms_per_hour = 2", "--false-alarms-per-hour 2"),
        ("false_alarms_per_hour_of_class = {crack = 0.5}\nsilence_unmet = true", "hour crack=0.5 --silence-unmet"),
    ],
)
def test_the_hint_for_other_rooms_gives_tune_a_limit_and_keeps_those_of_the_settings(
    sounds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    point: str,
    options: str,
) -> None:
    (tmp_path / "point.toml").write_text(f"[operating_point]\n{point}\n")
    trained = SimpleNamespace(scores={"val": {"macro_f1_onset": {"value": 0.5}}})
    monkeypatch.setattr(stapes.train.run, "train_detector", lambda *words, **more: trained)
    out = tmp_path / "x.stapes"
    assert main(["train", str(sounds), "--out", str(out), "--config", str(tmp_path / "point.toml")]) == 0
    assert f"{options} --background HOUR/` chooses thresholds that keep" in capsys.readouterr().err


def test_train_without_a_dataset_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--out", "x.stapes"]) == 1
    assert "train needs DATASET and --out" in capsys.readouterr().err

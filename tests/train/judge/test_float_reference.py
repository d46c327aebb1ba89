"""`stapes evaluate --float`: the float network that a detector was made from, on the same recordings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

pytest.importorskip("tensorflow")

from stapes.firmware_sim.device.events import EventDecoder, completed
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.firmware_sim.errors import DetectorFolderError
from stapes.runtime.audio import read_audio
from stapes.runtime.detector import Detector
from stapes.runtime.main import main
from stapes.train.learn.fit import Scorer
from stapes.train.learn.network import FloatNetwork, Shape
from stapes.train.learn.saved_networks import load_float
from stapes.train.settings import Settings, write_settings

HEARD = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss")]


@pytest.fixture(scope="module")
def network() -> FloatNetwork:
    """An untrained network whose last layer is steep enough that scores cross the thresholds."""
    network = FloatNetwork(Shape.of(Settings().network, Settings().frontend, 2))
    rng = np.random.default_rng(3)
    for variable in network.variables:
        variable.assign(rng.normal(0, 0.5, variable.shape) + (1.0 if "variance" in variable.name else 0.0))
        if "variance" in variable.name:
            variable.assign(np.abs(variable.numpy()) + 0.5)
    return network


@pytest.fixture(scope="module")
def detector(network: FloatNetwork, tiny_detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float") / "x.stapes"
    shutil.copytree(tiny_detector, path)
    (path / "training").mkdir()
    (path / "training" / "settings.toml").write_text(write_settings(Settings()))
    arrays = {f"variable_{index:03}": variable.numpy() for index, variable in enumerate(network.variables)}
    np.savez(path / "training" / "float.npz", **arrays)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "test").mkdir()
    for index, length in enumerate((8.0, 12.0)):
        soundfile.write(folder / "test" / f"{index}.wav", noise_bursts(length, HEARD, seed=index), 16_000)
        (folder / "test" / f"{index}.txt").write_text("".join(f"{a}\t{b}\t{c}\n" for a, b, c in HEARD))
    return folder


def test_float_is_judged_by_the_same_decoder_on_the_same_features(
    network: FloatNetwork, detector: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(detector), str(data), "--float", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    folder = Detector.load(detector).folder
    files = sorted((data / "test").glob("*.wav"))
    features = [Frontend(folder.tables).features(read_audio(path, 16_000).pcm) for path in files]
    found = {}
    for path, probabilities in zip(files, Scorer(network).probabilities(features), strict=True):
        scores = np.clip(np.rint(probabilities * 256) - 128, -128, 127).astype(np.int8)
        decoder = EventDecoder(folder.classes, folder.events, folder.clock)
        found[f"test/{path.name}"] = completed(decoder.push(scores) + decoder.flush())
    assert sum(map(len, found.values())) > 3, "the network says something"
    beside = printed["beside_float"]
    labels = [event.label for events in found.values() for event in events]
    for label, scores in beside["events"]["classes"].items():
        assert scores["n_detected"] == labels.count(label)
    own, of_float = printed["figures"]["events"]["macro_f1_onset"], beside["events"]["macro_f1_onset"]
    assert beside["f1_onset_change"]["value"] == pytest.approx(own["value"] - of_float["value"])


def test_without_the_float_network_the_message_says_what_is_missing(
    tiny_detector: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tiny_detector), str(data), "--float"]) == 1
    assert "training holds no settings.toml, so its float network is not there" in capsys.readouterr().err


def test_a_damaged_float_network_is_named_with_what_to_do(detector: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.stapes"
    shutil.copytree(detector, path)
    weights = path / "training" / "float.npz"
    whole = weights.read_bytes()
    with np.load(weights) as file:
        arrays = dict(file)

    def refused() -> str:
        with pytest.raises(DetectorFolderError, match="copy the detector again, or train it again") as caught:
            load_float(read_folder(path))
        assert str(weights) in str(caught.value)
        return str(caught.value)

    for damaged in (b"", b"weights", whole[:-100], whole[: len(whole) // 2], whole.replace(b"\0" * 3, b"\1" * 3)):
        weights.write_bytes(damaged)
        assert "is truncated or damaged" in refused()
    np.save(weights.with_suffix(".npy"), np.zeros(3))
    weights.with_suffix(".npy").rename(weights)
    assert "is truncated or damaged" in refused()
    np.savez(weights, **{f"other_{name}": values for name, values in arrays.items()})
    assert "is truncated or damaged" in refused()
    for other in ({"variable_000": np.zeros((2, 3), np.float32)}, {"variable_999": np.zeros(3, np.float32)}):
        np.savez(weights, **(arrays | other))
        refused()
    np.savez(weights, **dict(list(arrays.items())[1:]))
    refused()
    weights.write_bytes(whole)
    load_float(read_folder(path))

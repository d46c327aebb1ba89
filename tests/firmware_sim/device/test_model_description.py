"""model.json is read back as it was written, and refused in one line with its file when it is inconsistent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.device.model_description import (
    ModelDescription,
    Sizes,
    TensorSpec,
    read_model_description,
    tensor_from,
)
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError

DESCRIPTION = ModelDescription(
    name="kws",
    sha256="0123456789abcdef" * 4,
    target="any",
    inputs=(TensorSpec(name="features", shape=(1, 2, 40, 1), scale=1 / 32, zero_point=0),),
    outputs=(
        TensorSpec(name="scores", shape=(1, 3), dtype="uint8", scale=1 / 256, zero_point=0),
        TensorSpec(name="raw", shape=(), scale=None, zero_point=None),
    ),
    states=("state_gru",),
    sizes=Sizes(ram=4096, arena=2048, states=96, weights=30_000, channels=512, tables=256, macs=51_000),
    files=("kws.h", "kws.c", "stapes_nn.h", "model.json"),
)


def written(folder: Path, change: Callable[[Any], object] = lambda content: None) -> Path:
    """Write model.json into `folder`, its content changed in place by `change`."""
    content = json.loads(DESCRIPTION.to_json())
    change(content)
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    assert read_model_description(written(tmp_path)) == DESCRIPTION


def test_the_text_is_what_earlier_versions_wrote() -> None:
    content = json.loads(DESCRIPTION.to_json())
    assert list(content) == ["name", "sha256", "target", "inputs", "outputs", "states", "sizes", "files"]
    assert content["inputs"] == [
        {"name": "features", "shape": [1, 2, 40, 1], "dtype": "int8", "scale": 1 / 32, "zero_point": 0}
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(colour="red"), "'colour' in ModelDescription is unknown"),
        (lambda c: c.pop("files"), "files missing in ModelDescription"),
        (lambda c: c["sizes"].pop("ram"), "ram missing in Sizes"),
        (lambda c: c["inputs"][0].pop("scale"), "scale missing in TensorSpec"),
        (lambda c: c["inputs"][0].update(unit="dB"), "'unit' in TensorSpec is unknown"),
        (lambda c: c.update(name="x; system(1)"), "need a name in C"),
        (lambda c: c.update(name="häuser"), "need a name in C"),
        (lambda c: c.update(name=["kws"]), "need a name in C"),
        (lambda c: c.update(sha256="0" * 63), "need 64 hexadecimal digits"),
        (lambda c: c.update(target=None), "target is None"),
        (lambda c: c.update(inputs=[]), "inputs is .*: need at least one"),
        (lambda c: c.update(inputs={}), "where a list is needed"),
        (lambda c: c.update(inputs=["features"]), "TensorSpec is 'features': need an object"),
        (lambda c: c.update(outputs=[]), "outputs is .*: need at least one"),
        (lambda c: c.update(states=[1]), "states is .*: need names"),
        (lambda c: c.update(files=["../kws.c"]), "need names of files without folders"),
        (lambda c: c.update(files=[".."]), "need names of files without folders"),
        (lambda c: c.update(sizes=7), "Sizes is 7: need an object"),
        (lambda c: c["sizes"].update(ram=-1), "ram is -1: need a whole number from 0 to 2147483647"),
        (lambda c: c["sizes"].update(ram=10**15), "ram is 1000000000000000: need"),
        (lambda c: c["sizes"].update(ram=4096.0), r"ram is 4096\.0: need"),
        (lambda c: c["sizes"].update(ram="4096"), "ram is '4096': need"),
        (lambda c: c["sizes"].update(ram=True), "ram is True: need"),
        (lambda c: c["inputs"][0].update(shape=[1, 0]), "need whole numbers from 1 on"),
        (lambda c: c["inputs"][0].update(shape=[1, -2]), "need whole numbers from 1 on"),
        (lambda c: c["inputs"][0].update(shape=[1, "2"]), "need whole numbers from 1 on"),
        (lambda c: c["inputs"][0].update(shape=[1 << 16, 1 << 16]), "need at most 2147483647 bytes"),
        (lambda c: c["inputs"][0].update(shape=4), "4 stands where a list is needed"),
        (lambda c: c["inputs"][0].update(dtype="float64"), "dtype is 'float64': need int8, uint8, int16, int32"),
        (lambda c: c["inputs"][0].update(dtype="float32"), "scale is 0.03125: need none, as float32 has none"),
        (lambda c: c["inputs"][0].update(dtype=["int8"]), "need int8, uint8, int16, int32, int64 or float32"),
        (lambda c: c["inputs"][0].update(scale=0), "need a number above 0"),
        (lambda c: c["inputs"][0].update(scale=float("nan")), "need a number above 0"),
        (lambda c: c["inputs"][0].update(scale=float("inf")), "need a number above 0"),
        (lambda c: c["inputs"][0].update(scale=None), "need a number above 0"),
        (lambda c: c["inputs"][0].update(zero_point=128), "need a whole number from -128 to 127"),
        (lambda c: c["inputs"][0].update(name=""), "name is '': need a text"),
    ],
)
def test_an_inconsistent_description_is_refused_in_one_line(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    written(tmp_path, change)
    with pytest.raises(DetectorFolderError, match=message) as caught:
        read_model_description(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/model.json: no generated model here (")
    assert "\n" not in str(caught.value)
    with pytest.raises(DetectorFolderError, match=message):
        CompiledModel(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\udcff", "[" * 100_000, f'{{"name": {"1" * 5000}}}'])
def test_text_that_is_no_object_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DetectorFolderError, match=r"model\.json: no generated model here") as caught:
        read_model_description(tmp_path)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_the_message_about_a_missing_description_names_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(DetectorFolderError, match=r"No such file.*write one: stapes compile MODEL\.tflite --out "):
        read_model_description(tmp_path)


def test_a_tensor_is_read_by_name_as_well() -> None:
    (features,) = DESCRIPTION.inputs
    assert (features["shape"], features["scale"]) == (features.shape, features.scale)
    assert features.count == 80
    with pytest.raises(KeyError):
        features["colour"]


def test_a_tensor_of_a_detector_is_int8_unless_it_says_so() -> None:
    content = {"name": "features", "shape": [1, 80], "scale": 0.5, "zero_point": 3}
    assert tensor_from(content) == TensorSpec(name="features", shape=(1, 80), dtype="int8", scale=0.5, zero_point=3)
    with pytest.raises(ConfigError, match="zero_point missing in TensorSpec"):
        tensor_from({"name": "features", "shape": [1, 80], "scale": 0.5})

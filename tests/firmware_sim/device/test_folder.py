"""A detector folder is refused, in one line, when it is not what it says it is; writing one never leaves half of it."""

import dataclasses
import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_model import tiny_step_model

from stapes.firmware_sim.device.events import EventConfig
from stapes.firmware_sim.device.folder import DetectorFolder, new_detector_folder, read_folder
from stapes.firmware_sim.device.frontend import Frontend, FrontendConfig, make_tables
from stapes.firmware_sim.device.model_description import TensorSpec
from stapes.firmware_sim.errors import DetectorFolderError, OutputError

MODEL = tiny_step_model(n_bands=40, frames_per_step=2, n_classes=2)
FEATURES = TensorSpec(name="features", shape=(1, 2, 40, 1), scale=1 / 32, zero_point=0)
STATE = TensorSpec(name="state_frames", shape=(1, 2, 40, 1), scale=1 / 32, zero_point=0)
SCORES = TensorSpec(name="scores", shape=(1, 2), scale=1 / 256, zero_point=-128)


def write_detector(path: Path, frontend: FrontendConfig | None = None) -> DetectorFolder:
    """Write a folder that `read_folder` accepts."""
    frontend = frontend or FrontendConfig()
    tables = make_tables(frontend)
    (path / "frontend.bin").write_bytes(tables)
    (path / "model.tflite").write_bytes(MODEL)
    folder = DetectorFolder(
        path=path,
        classes=("pop", "beep"),
        frontend=frontend,
        frontend_hash=Frontend(tables).hash,
        frames_per_step=2,
        target_delay_steps=3,
        model_sha256=hashlib.sha256(MODEL).hexdigest(),
        model_inputs=(FEATURES, STATE),
        model_outputs=(SCORES, STATE),
        events=(EventConfig(on_score=5), EventConfig(min_duration_steps=4)),
        operating_point={"chosen_for": "best F1"},
    )
    folder.write()
    return folder


@pytest.fixture
def detector(tmp_path: Path) -> DetectorFolder:
    path = tmp_path / "pops.stapes"
    with new_detector_folder(path) as draft:
        folder = write_detector(draft)
    return dataclasses.replace(folder, path=path)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes: writing fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def edit(detector: DetectorFolder, **changes: object) -> None:
    source = detector.path / "detector.json"
    source.write_text(json.dumps(json.loads(source.read_text()) | changes))


def test_what_was_written_is_read_back(detector: DetectorFolder) -> None:
    assert read_folder(detector.path) == detector


def test_the_clock_puts_a_step_in_the_middle_of_its_windows(tmp_path: Path) -> None:
    folder = write_detector(tmp_path, FrontendConfig(window_samples=400, hop_samples=160))
    assert (folder.clock.step_samples, folder.clock.origin_samples, folder.clock.target_delay_steps) == (320, 120, 3)


@pytest.mark.parametrize("name", ["detector.json", "frontend.bin", "model.tflite"])
def test_an_incomplete_folder_names_what_is_missing(detector: DetectorFolder, name: str) -> None:
    (detector.path / name).unlink()
    with pytest.raises(DetectorFolderError, match=f"incomplete.*{name} missing"):
        read_folder(detector.path)


def test_a_newer_schema_asks_for_a_newer_stapes(detector: DetectorFolder) -> None:
    edit(detector, schema=99)
    with pytest.raises(DetectorFolderError, match=r"schema 99.*newer stapes"):
        read_folder(detector.path)


def test_another_frontend_names_the_setting_that_differs(detector: DetectorFolder) -> None:
    (detector.path / "frontend.bin").write_bytes(make_tables(FrontendConfig(f_min_hz=80.0)))
    with pytest.raises(DetectorFolderError, match=r"f_min_hz = 60\.0, frontend\.bin was made for 80\.0"):
        read_folder(detector.path)


def test_another_arithmetic_is_refused_by_its_hash(detector: DetectorFolder) -> None:
    edit(detector, frontend_hash="0" * 64)
    with pytest.raises(DetectorFolderError, match=r"another frontend.*000000000000"):
        read_folder(detector.path)


def test_damaged_tables_are_named_with_their_file(detector: DetectorFolder) -> None:
    (detector.path / "frontend.bin").write_bytes(b"no tables")
    with pytest.raises(DetectorFolderError, match=r"pops\.stapes/frontend\.bin: "):
        read_folder(detector.path)


def test_another_model_is_refused(detector: DetectorFolder) -> None:
    (detector.path / "model.tflite").write_bytes(b"another")
    with pytest.raises(DetectorFolderError, match=r"model\.tflite is not the model"):
        read_folder(detector.path)


def in_json(tensor: TensorSpec) -> dict[str, object]:
    """Return a tensor as detector.json describes it."""
    return {"name": tensor.name, "shape": tensor.shape, "scale": tensor.scale, "zero_point": tensor.zero_point}


FEATURES_JSON, STATE_JSON, SCORES_JSON = map(in_json, (FEATURES, STATE, SCORES))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"events": {"pop": {}}}, "events are set for"),
        ({"frontend": {"colour": "red"}}, "colour"),
        ({"surprise": 1}, "surprise"),
        ({"model_inputs": [{"name": "features"}]}, "missing"),
        ({"classes": 5}, "detector.json"),
        ({"frames_per_step": "2"}, "step_samples is '2.*need an int"),
        ({"frames_per_step": 0}, "step_samples is 0"),
        ({"target_delay_steps": -1}, "target_delay_steps is -1"),
        ({"frontend_hash": None}, "frontend_hash is None: need 64 hexadecimal digits"),
        ({"model_sha256": 7}, "model_sha256 is 7: need 64 hexadecimal digits"),
        ({"classes": ["pop", "pop"]}, "classes are .*: need 1 to 1024, each named once"),
        ({"classes": "pb", "events": {"p": {}, "b": {}}}, "classes are 'pb': need a list of texts"),
        ({"classes": ["pop", 7]}, "need a list of texts"),
        ({"events": ["pop", "beep"]}, "events are set for"),
        ({"frames_per_step": 1}, r"features have shape \[1, 2, 40, 1\] and zero point 0: need 1 frames of 40 bands"),
        ({"frames_per_step": 10**6}, "a step has 256000000 samples; need at most 1048576"),
        ({"target_delay_steps": 10**6}, "the delay has 512000128 samples; need at most 4194304"),
        ({"target_delay_steps": 2**31 - 1}, "the delay has 1099511627392 samples"),
        ({"target_delay_steps": int("9" * 4000)}, "target_delay_steps is 999999"),
        ({"frontend": {"f_max_hz": int("9" * 4000)}}, "detector.json says f_max_hz = 9999"),
        ({"schema": int("9" * 4000)}, "schema 9999"),
        ({"provenance": []}, "provenance is .*: need an object"),
        ({"scores": "0.9"}, "scores is '0.9': need an object"),
        ({"scores": {"parity": {"scores": {}, "events": {"pairs": 5}}}}, r"scores\.parity is .*: need the figures"),
        ({"provenance": {"trained_on": None}}, r"provenance\.trained_on is None: need a list of texts"),
        ({"provenance": {"packages": {"numpy": 2}}}, r"provenance\.packages is .*: need an object of texts"),
        ({"provenance": {"group_pattern": 7}}, r"provenance\.group_pattern is 7: need a text"),
        ({"provenance": {"sound": {"level_db": [1, 2, 10**4000]}}}, r"sound\.level_db is .*: need three numbers"),
        ({"provenance": {"sound": {"colour_db": [[0] * 39] * 3}}}, r"need three lists of 40 numbers"),
        ({"operating_point": {"rule": {"pop": 1}}}, r"operating_point\.rule is .*: need an object of texts"),
        ({"operating_point": {"recordings": {}}}, r"operating_point\.recordings is \{\}: need a list of texts"),
        ({"operating_point": {"sensitivity": {"pop": 0.5}}}, r"sensitivity is .*: need an object of whole numbers"),
        (
            {"scores": {"event_free": {"pop": [0, 1, 2, 128]}}},
            r"event_free is .*: need an object of four int8 scores by",
        ),
        ({"operating_point": {"settings": 2}}, r"operating_point\.settings is 2: need an object"),
        ({"operating_point": {"before_adapt": {"pop": 1}}}, r"before_adapt is .*: need an object of on_score and"),
        (
            {"operating_point": {"before_adapt": {"pop": {"on_score": 0, "off_score": 1}}}},
            r"before_adapt is .*: need an object of on_score and",
        ),
        ({"operating_point": {"expected": {"macro_f1_onset": 1}}}, r"macro_f1_onset is 1: need an object"),
        ({"surprise\nby two\x1b[31m lines": 1}, "surprise.by two..31m lines"),
        ({"model_inputs": [FEATURES_JSON | {"scale": int("9" * 4000)}]}, "scale is 999"),
        ({"model_inputs": [FEATURES_JSON | {"zero_point": 3}, STATE_JSON]}, "zero point 3: need 2 frames of 40"),
        ({"model_inputs": [FEATURES_JSON, FEATURES_JSON]}, "name a tensor twice"),
        ({"model_inputs": [STATE_JSON]}, "'features' is missing"),
        ({"model_inputs": [FEATURES_JSON]}, r"the states are \[\] before a step and \['state_frames'\] after it"),
        ({"model_inputs": [FEATURES_JSON | {"shape": [1] * 7}]}, "need at most 6 axes"),
        ({"model_outputs": [SCORES_JSON | {"shape": [1, 3]}, STATE_JSON]}, "one for each of 2 classes"),
        ({"model_outputs": [SCORES_JSON | {"scale": 0.5}, STATE_JSON]}, "one for each of 2 classes, 1/256 and -128"),
        ({"model_inputs": [{"name": "features", "shape": [1], "scale": 0, "zero_point": 0}]}, "scale is 0"),
    ],
)
def test_a_damaged_description_is_one_line_with_the_file(
    detector: DetectorFolder, changes: dict[str, object], words: str
) -> None:
    edit(detector, **changes)
    with pytest.raises(DetectorFolderError, match=words) as caught:
        read_folder(detector.path)
    assert str(detector.path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe{",
        b'{"schema": ' + b"9" * 5000 + b"}",
        b'{"schema": 1, "scores": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"schema": 1, "scores": ' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
        b'{"schema": 1, "classes": ["\\ud800"]}',
        b'{"schema": 1, "scores": {"\\udfff": 1}}',
    ],
    ids=["utf16", "digits", "deep", "deeper", "surrogate", "surrogate in a key"],
)
def test_text_that_is_not_plain_json_is_one_line_with_the_file(detector: DetectorFolder, text: bytes) -> None:
    (detector.path / "detector.json").write_bytes(text)
    with pytest.raises(DetectorFolderError, match=r"detector\.json: not JSON") as caught:
        read_folder(detector.path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def describe_another_model(detector: DetectorFolder, model: bytes) -> None:
    """Put a model into the folder whose hash detector.json names."""
    (detector.path / "model.tflite").write_bytes(model)
    edit(detector, model_sha256=hashlib.sha256(model).hexdigest())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (b"no model", "not a .tflite"),
        (MODEL[:-100], "not a whole .tflite"),
        (tiny_step_model(40, 2, 3), r"describes the output 'scores' int8 \[1, 2\] .*, the model has .* \[1, 3\]"),
        (tiny_step_model(40, 2, 2, kept_frames=4), r"'state_frames' int8 \[1, 2, 40, 1\] .*has .* \[1, 4, 40, 1\]"),
    ],
    ids=["no model", "cut off", "other classes", "other state"],
)
def test_a_model_that_detector_json_does_not_describe_is_one_line(
    detector: DetectorFolder, model: bytes, words: str
) -> None:
    describe_another_model(detector, model)
    with pytest.raises(DetectorFolderError, match=rf"model\.tflite: .*{words}") as caught:
        read_folder(detector.path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("crash", ["signal6-1", "signal8-1", "signal11-1"])
def test_models_that_crash_litert_are_refused_by_the_folder(
    detector: DetectorFolder, hostile_cases: Path, crash: str
) -> None:
    describe_another_model(detector, (hostile_cases / f"litert_{crash}.tflite").read_bytes())
    with pytest.raises(DetectorFolderError, match=r"model\.tflite: operator \d+ \([A-Z_]+\) (reads|writes) tensor"):
        read_folder(detector.path)


def test_a_detector_that_a_kill_moved_aside_is_named(detector: DetectorFolder) -> None:
    aside = detector.path.with_name(f".{detector.path.name}.old")
    detector.path.rename(aside)
    with pytest.raises(DetectorFolderError, match=f"a command that replaced it was killed; move {aside} back"):
        read_folder(detector.path)


def test_an_existing_output_stands_unless_forced(detector: DetectorFolder) -> None:
    with pytest.raises(OutputError, match="--force"), new_detector_folder(detector.path):
        pass
    with new_detector_folder(detector.path, force=True) as draft:
        write_detector(draft, FrontendConfig(f_min_hz=100.0))
    assert read_folder(detector.path).frontend.f_min_hz == 100.0


def test_force_replaces_detectors_only(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    with (
        pytest.raises(OutputError, match=r"holds no detector\.json"),
        new_detector_folder(tmp_path / "thesis", force=True),
    ):
        pass


def test_a_failure_leaves_the_old_detector_and_nothing_else(detector: DetectorFolder) -> None:
    with pytest.raises(RuntimeError), new_detector_folder(detector.path, force=True) as draft:
        write_detector(draft, FrontendConfig(f_min_hz=100.0))
        raise RuntimeError("killed in training")
    assert read_folder(detector.path) == detector
    assert [path.name for path in detector.path.parent.iterdir()] == [detector.path.name]


def test_a_draft_that_is_not_whole_is_not_moved_into_place(detector: DetectorFolder) -> None:
    with pytest.raises(DetectorFolderError), new_detector_folder(detector.path, force=True) as draft:
        write_detector(draft)
        (draft / "frontend.bin").unlink()
    assert read_folder(detector.path) == detector


def test_a_full_disk_leaves_the_older_detector(detector: DetectorFolder) -> None:
    with (
        pytest.raises(OutputError, match=r"pops\.stapes: cannot be written: .*; make room"),
        room_for(1000),
        new_detector_folder(detector.path, force=True) as draft,
    ):
        (draft / "frontend.bin").write_bytes(bytes(2000))
    with pytest.raises(OutputError, match=r"detector\.json: cannot be written: "), room_for(1000):
        dataclasses.replace(detector, events=(EventConfig(), EventConfig())).write()
    assert read_folder(detector.path) == detector
    assert sorted(path.name for path in detector.path.iterdir()) == ["detector.json", "frontend.bin", "model.tflite"]
    assert list(detector.path.parent.iterdir()) == [detector.path]

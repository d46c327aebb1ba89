"""Both engines give the same bits, and every engine runs only what the compiler accepts and makes on this machine."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from lstm_models import Lstm
from tiny_detector import CLASSES, FRAMES_PER_STEP, noise_bursts
from tiny_model import FEATURE_SCALE

from benchmarks.tflite_models import Builder
from stapes.firmware_sim.device import generated_c
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import ModelError, ToolchainError
from stapes.runtime.compiled_engine import CompiledEngine
from stapes.runtime.detector import Detector
from stapes.runtime.engine import choose_engine
from stapes.runtime.litert_engine import LitertEngine


@pytest.fixture
def detector(tiny_detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny detector, on a machine that has built nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copytree(tiny_detector, tmp_path / "copy.stapes"))


def test_compiled_scores_and_events_vs_litert(detector: Path) -> None:
    pcm = noise_bursts(6.0, [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss")])
    c, litert = Detector.load(detector, engine="c"), Detector.load(detector, engine="litert")
    assert isinstance(c._engine, CompiledEngine)
    assert isinstance(litert._engine, LitertEngine)
    scores = litert.scores(pcm)
    assert np.array_equal(c.scores(pcm), scores)
    assert np.array_equal(c.scores(pcm), scores), "each call starts afresh"
    assert c.detect(pcm) == litert.detect(pcm) != []


def test_c_is_compiled_when_asked_for_and_from_then_on_used_by_auto(detector: Path) -> None:
    folder = read_folder(detector)
    assert isinstance(choose_engine(folder, "auto"), LitertEngine), "it was never built on this machine"
    choose_engine(folder, "c")
    assert isinstance(choose_engine(folder, "auto"), CompiledEngine)


def test_what_lies_in_c_changes_nothing(detector: Path, tmp_path: Path) -> None:
    """Compiled, the planted files would write a marker, and model.json would let the C write behind its memory."""
    marker = tmp_path / "marker"
    expected = Detector.load(detector, "litert").scores(noise_bursts(2.0, [(1.0, 1.6, "hiss")]))
    choose_engine(read_folder(detector), "c")
    (detector / "c").mkdir()
    planted = f'__attribute__((constructor)) static void run(void) {{ fclose(fopen("{marker}", "w")); }}\n'
    for name in ("copy.c", "copy.h", "stdint.h", "stapes_nn.h", "more.c"):
        (detector / "c" / name).write_text("#include <stdio.h>\n" + planted)
    (detector / "c" / "model.json").write_text(json.dumps({"name": "copy", "sizes": {"ram": 0}}))
    for engine in ("auto", "c"):
        heard = Detector.load(detector, engine)
        assert isinstance(heard._engine, CompiledEngine)
        assert np.array_equal(heard.scores(noise_bursts(2.0, [(1.0, 1.6, "hiss")])), expected)
    assert not marker.exists()


def test_without_the_compiler_one_line_says_what_to_do(detector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated_c, "entry_points", lambda group: [])
    generated_c._generate.cache_clear()
    for engine in ("c", "litert"):
        with pytest.raises(ToolchainError, match="compiler of stapes is not installed: install stapes again"):
            choose_engine(read_folder(detector), engine)


def test_without_a_c_compiler_auto_takes_litert(detector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert isinstance(choose_engine(read_folder(detector), "auto"), LitertEngine)
    with pytest.raises(ToolchainError, match="no C compiler found: there is no program 'no-such-compiler'"):
        choose_engine(read_folder(detector), "c")


def test_a_state_inside_of_the_model_starts_afresh_in_both_engines(detector: Path) -> None:
    """As in models that others made: here an LSTM, whose states are neither inputs nor outputs."""
    folder = read_folder(detector)
    b, probability = Builder(), (1 / 256, -128)
    shape = (1, FRAMES_PER_STEP, folder.frontend.n_bands)
    lstm = Lstm(in_size=shape[2], units=len(CLASSES), steps=shape[1], in_scale=(FEATURE_SCALE, 0))
    features = b.input("features", (*shape, 1), lstm.in_scale)
    frames = b.tensor("frames", shape, lstm.in_scale)
    b.operator("RESHAPE", [features, b.constant("shape", shape)], [frames], "ReshapeOptions", newShape=shape)
    sequence = lstm.add(b, np.random.default_rng(0), frames)
    last = b.tensor("last", (1, len(CLASSES)), lstm.out_scale)
    corners = [b.constant(*each) for each in (("begin", [0, -1, 0]), ("end", [1, 9, 9]), ("strides", [1, 1, 1]))]
    b.operator("STRIDED_SLICE", [sequence, *corners], [last], "StridedSliceOptions", endMask=7, shrinkAxisMask=2)
    scores = b.operator("LOGISTIC", [last], [b.tensor("scores", (1, len(CLASSES)), probability)])
    b.sign({"features": features}, {"scores": scores})
    (detector / "model.tflite").write_bytes(b.finish([scores]))
    _describe_model(detector, model_inputs=[0], model_outputs=[0])
    pcm = noise_bursts(3.0, [(1.0, 1.6, "hiss"), (2.0, 2.5, "rumble")])
    litert, c = Detector.load(detector, "litert"), Detector.load(detector, "c")
    first = litert.scores(pcm)
    assert len(np.unique(first)) > 10
    for again in (litert.scores(pcm), c.scores(pcm), c.scores(pcm)):
        assert np.array_equal(again, first)


def _describe_model(detector: Path, **kept: list[int]) -> None:
    """Let detector.json fit the model that now lies in the folder; of its tensors keep those with these numbers."""
    content = json.loads((detector / "detector.json").read_text())
    content["model_sha256"] = hashlib.sha256((detector / "model.tflite").read_bytes()).hexdigest()
    content |= {name: [content[name][number] for number in numbers] for name, numbers in kept.items()}
    (detector / "detector.json").write_text(json.dumps(content))


@pytest.mark.parametrize("name", [b"step\0", b"state_frames_out\0"], ids=["key of the signature", "output tensor"])
def test_a_model_that_only_litert_refuses_is_an_error_of_one_line(detector: Path, name: bytes) -> None:
    model = (detector / "model.tflite").read_bytes()
    changed = model.replace(name, b"\x80" + name[1:])
    assert changed != model
    (detector / "model.tflite").write_bytes(changed)
    _describe_model(detector)
    with pytest.raises(ModelError, match=r"model.tflite: LiteRT refuses it \('utf-8' codec .*\); train or copy"):
        Detector.load(detector, "litert")

"""A detector folder from anywhere is data: no command runs, compiles, believes or copies what somebody planted in it.

Every command that takes a detector runs beside two folders that are equal but for what was planted. The referee is what
the command prints for the folder without it.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import flatbuffers
import pytest
import soundfile
from ai_edge_litert import schema_py_generated as schema
from tiny_detector import noise_bursts

from stapes.convert.compile import compile_model
from stapes.runtime import litert_engine
from stapes.runtime.main import build_parser, main

CLASSES = {"rumble": "rumble`touch marker`;touch marker", "hiss": "hiss$(touch marker)&touch marker"}
DETECTOR = "$(touch marker);touch marker&'`touch marker`.stapes"
RECORDING = "yard;touch marker;$(touch marker).wav"
SECRET = "the private words of whoever runs stapes"
MARKER = "marker"
BURSTS = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss"), (5.0, 6.2, "rumble")]

# Code that writes the marker where it runs on this machine. A cross compiler refuses it.
PLANTED = """
#if defined(__arm__) || defined(__riscv) || defined(__XTENSA__)
#error "planted code is compiled for a board"
#endif
int creat(const char *path, unsigned mode);
__attribute__((constructor, used)) static void planted(void) {{ creat("{marker}", 0644); }}
"""
# Names that a compiler could find before those of stapes or of the C library.
HEADERS = ("detector.h", "stdint.h", "stddef.h", "string.h", "stapes_nn.h", "stapes_detector.h", "stapes_board.h")
SOURCES = ("detector.c", "detector_detector.c", "more.c", "stapes_frontend.c")

# The words after `stapes`, run in a folder with the detector, a recording, a dataset and a folder without events.
COMMANDS = {
    "detect": ["detect", DETECTOR, RECORDING, "--format", "csv"],
    "detect a folder": ["detect", DETECTOR, "data", "--out", "events.csv", "--jobs", "1"],
    "listen": ["listen", DETECTOR, "-"],
    "evaluate": ["evaluate", DETECTOR, "data", "--split", "val", "--report", "report.html"],
    "tune": ["tune", DETECTOR, "data", "--out", "tuned.stapes"],
    "adapt": ["adapt", DETECTOR, "--recordings", "quiet", "--alarms-per-hour", "9000", "--out", "adapted.stapes"],
    "review": ["review", DETECTOR, "data", "--split", "val", "--out", "review"],
    "mine": ["mine", DETECTOR, "quiet", "--out", "mined"],
    "suggest": ["suggest", "quiet", "--detector", DETECTOR, "--out", "suggested"],
    "studio": ["studio", "quiet", "--detector", DETECTOR, "--web", "0"],
    "train": ["train", "data", "--from", DETECTOR, "--out", "further.stapes"],
    "bench": ["bench", DETECTOR],
    "simulate": ["simulate", DETECTOR, RECORDING, "--board", "cortex-m4"],
    "size": ["size", DETECTOR, "--board", "cortex-m4"],
    "verify": ["verify", DETECTOR],
    "export": ["export", DETECTOR, "--as", "cmake", "--out", "exported"],
}
FAILS = {"train": "settings.toml"}  # the tiny detector keeps no network; what is planted for one is refused
SLOW = {"verify", "export", "evaluate", "tune", "size", "simulate", "studio"}


def plant(detector: Path, outside: Path) -> None:
    """Put C, headers, a false model.json and links into a detector folder; they would write a marker beside it."""
    compile_model((detector / "model.tflite").read_bytes(), detector / "c", "detector")
    code = PLANTED.format(marker=detector.parent.absolute() / MARKER)
    for path in [*(detector / "c").glob("*.[ch]"), *(detector / "c" / name for name in (*HEADERS, *SOURCES))]:
        path.write_text((path.read_text() if path.exists() else "") + code)
    description = json.loads((detector / "c" / "model.json").read_text())
    description["sizes"] = dict.fromkeys(description["sizes"], 0)
    (detector / "c" / "model.json").write_text(json.dumps(description))
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    (detector / "training").mkdir()
    for link in ("c/secret.h", "c/secret.c", "notes.txt", "training/settings.toml", "training/history.csv"):
        (detector / link).symlink_to(outside / "secret")
    (detector / "training" / "folder").symlink_to(outside)


def make_world(world: Path, tiny_detector: Path) -> None:
    """Write a detector, a recording, a dataset and a folder without events, whose names hold words of the shell."""
    shutil.copytree(tiny_detector, world / DETECTOR)
    text = (world / DETECTOR / "detector.json").read_text()
    for label, strange in CLASSES.items():
        text = text.replace(f'"{label}"', json.dumps(strange))
    (world / DETECTOR / "detector.json").write_text(text)
    for split in ("train", "val"):
        (world / "data" / split).mkdir(parents=True)
        for name in ("a;touch marker", "$(touch marker)"):
            soundfile.write(world / "data" / split / f"{name}.wav", noise_bursts(8.0, BURSTS, seed=len(name)), 16_000)
            rows = "".join(f"{onset}\t{offset}\t{CLASSES[label]}\n" for onset, offset, label in BURSTS)
            (world / "data" / split / f"{name}.txt").write_text(rows)
    (world / "quiet").mkdir()
    soundfile.write(world / "quiet" / "hour`touch marker`.wav", noise_bursts(65.0, [(3.0, 3.5, "hiss")]), 16_000)
    soundfile.write(world / RECORDING, noise_bursts(8.0, BURSTS), 16_000)


def run(words: list[str], world: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Return exit code, stdout without what differs from run to run, and stderr of a command that runs in `world`."""
    if words[0] == "listen":
        command = [sys.executable, "-m", "stapes", *words]
        with (world / RECORDING).open("rb") as audio:
            done = subprocess.run(command, cwd=world, stdin=audio, capture_output=True, text=True, timeout=60)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        times = [[event["label"], event["onset_sample"], event["offset_sample"]] for event in events]
        return done.returncode, json.dumps(times) if times else "", done.stderr
    if words[0] == "studio":
        return run_studio(words, world)
    capsys.readouterr()
    code = main(words)
    shown = capsys.readouterr()
    return code, re.sub(r" +[\d.]+", "", shown.out) if words[0] == "bench" else shown.out, shown.err


def run_studio(words: list[str], world: Path) -> tuple[int, str, str]:
    """Let the page propose what the detector hears, and end it; return exit code, proposals as JSON, and stderr."""
    command = [sys.executable, "-m", "stapes", *words]
    with subprocess.Popen(command, cwd=world, stderr=subprocess.PIPE, text=True) as studio:
        assert studio.stderr is not None
        said = studio.stderr.readline()
        url = re.search(r"http://[\d.:]+", said)
        assert url, said + studio.stderr.read()
        with urlopen(f"{url[0]}/api/recordings", timeout=60) as answer:
            (recording,) = (quote(each["recording"]) for each in json.load(answer))
        status, deadline = 202, time.monotonic() + 60
        while status == 202:  # the recording is being heard
            assert time.monotonic() < deadline
            with urlopen(f"{url[0]}/api/proposals?recording={recording}", timeout=60) as answer:
                status, proposals = answer.status, answer.read().decode()
            time.sleep(0.1)
        studio.terminate()
        errors = studio.stderr.read()
    assert "detector" in {each["origin"] for each in json.loads(proposals)}
    return studio.returncode, proposals, errors


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in COMMANDS])
def test_what_was_planted_in_a_detector_folder_is_neither_run_nor_believed_nor_copied(
    name: str,
    tiny_detector: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = {}
    for kind in ("clean", "planted") if name != "verify" else ("planted",):  # verify has referees of its own
        world = tmp_path / kind
        world.mkdir()
        make_world(world, tiny_detector)
        if kind == "planted":
            plant(world / DETECTOR, tmp_path / "outside")
        if name == "tune":  # believes the settings of training, and refuses what are none: the next test
            (world / DETECTOR / "training" / "settings.toml").unlink(missing_ok=True)
        monkeypatch.chdir(world)
        found[kind] = run(COMMANDS[name], world, capsys)
    code, printed, errors = found["planted"]
    assert (code, printed) == found.get("clean", found["planted"])[:2], errors
    assert code == (name in FAILS), errors
    assert "Traceback" not in errors
    assert FAILS.get(name, "") in errors
    assert list(tmp_path.rglob(MARKER)) == []
    assert SECRET not in printed + errors
    written = [path for path in (tmp_path / "planted").rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


def test_tune_refuses_a_link_in_place_of_the_settings_and_does_not_show_where_it_leads(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "world").mkdir()
    make_world(tmp_path / "world", tiny_detector)
    plant(tmp_path / "world" / DETECTOR, tmp_path / "outside")
    monkeypatch.chdir(tmp_path / "world")
    code, printed, errors = run(COMMANDS["tune"], tmp_path / "world", capsys)
    assert (code, printed) == (1, "")
    assert "training/settings.toml: is not a TOML file" in errors
    assert SECRET not in errors
    assert not Path("tuned.stapes").exists()


def test_every_command_that_takes_a_detector_is_tried() -> None:
    subparsers = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    taking = {
        name
        for name, parser in subparsers.choices.items()
        if any(action.dest in ("detector", "start") for action in parser._actions)
    }
    assert taking == {words[0] for words in COMMANDS.values()}


def test_planted_code_would_leave_its_marker(tiny_detector: Path, tmp_path: Path) -> None:
    """The C compiler of this machine builds what is planted, and it runs as soon as it is loaded."""
    shutil.copytree(tiny_detector, tmp_path / "x.stapes")
    plant(tmp_path / "x.stapes", tmp_path / "outside")
    source, program = tmp_path / "x.stapes" / "c" / "more.c", tmp_path / "program"
    (tmp_path / "main.c").write_text("int main(void) { return 0; }")
    subprocess.run(["cc", source, tmp_path / "main.c", "-o", program], check=True)
    subprocess.run([program], check=True)
    assert (tmp_path / MARKER).exists()


CRASHES = ["litert_signal6-1", "litert_signal8-1", "litert_signal11-1"]
TRIED = ("detect", "listen", "verify", "simulate", "bench", "evaluate")


@pytest.mark.parametrize("crash", CRASHES)
def test_no_engine_is_shown_a_model_that_crashes_litert(
    crash: str,
    tiny_detector: Path,
    hostile_cases: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LiteRT ends the whole process on these models, so no command would return if it was shown one."""
    make_world(tmp_path, tiny_detector)
    put_model(tmp_path / DETECTOR, (hostile_cases / f"{crash}.tflite").read_bytes())
    monkeypatch.chdir(tmp_path)
    for name in TRIED:
        code, printed, errors = run(COMMANDS[name], tmp_path, capsys)
        assert (code, printed) == (1, "")
        assert re.fullmatch(r"error: .*model\.tflite: operator \d+ \([A-Z_]+\) (reads|writes) tensor .*\n", errors)


def put_model(detector: Path, model: bytes) -> None:
    """Replace the model of a detector, and its hash in detector.json."""
    (detector / "model.tflite").write_bytes(model)
    described = json.loads((detector / "detector.json").read_text())
    described["model_sha256"] = hashlib.sha256(model).hexdigest()
    (detector / "detector.json").write_text(json.dumps(described))


def test_litert_is_not_shown_a_form_that_the_compiler_alone_knows(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteRT ends the process at an SVDF with a memory of int8, also where nothing needs its output."""
    shown: list[object] = []
    monkeypatch.setattr(litert_engine, "Interpreter", lambda **words: shown.append(words))
    make_world(tmp_path, tiny_detector)
    put_model(tmp_path / DETECTOR, with_svdf((tmp_path / DETECTOR / "model.tflite").read_bytes()))
    monkeypatch.chdir(tmp_path)
    code, _, errors = run([*COMMANDS["detect"], "--engine", "litert"], tmp_path, capsys)
    assert code == 1
    assert "model.tflite: LiteRT cannot run an SVDF with a memory of int8, a form of TensorFlow Lite Micro" in errors
    assert shown == []
    code, printed, _ = run([*COMMANDS["detect"], "--engine", "c"], tmp_path, capsys)
    assert code == 0
    assert len(printed.splitlines()) > 1


def with_svdf(tflite: bytes) -> bytes:
    """Return the model with one more operator, which reads its scores, and whose output nothing reads."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(tflite))
    graph = model.subgraphs[0]
    scores = next(number for number in graph.outputs if list(graph.tensors[number].shape) == [1, len(CLASSES)])
    first = len(graph.tensors)
    for name, shape in (("feature", [2, len(CLASSES)]), ("time", [2, 3]), ("memory", [1, 6]), ("kept", [1, 2])):
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.name, tensor.shape, tensor.type = name, shape, schema.TensorType.INT8
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.01], [0]
        tensor.isVariable, tensor.buffer = name == "memory", 0
        if name in ("feature", "time"):
            buffer.data = [1] * (shape[0] * shape[1])
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
        graph.tensors.append(tensor)
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SVDF
    code.version = 1
    model.operatorCodes.append(code)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [scores, first, first + 1, -1, first + 2], [first + 3]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.SVDFOptions, schema.SVDFOptionsT()
    operator.builtinOptions.rank, operator.builtinOptions.fusedActivationFunction = 1, 1
    graph.operators.append(operator)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_litert_is_shown_no_model_that_only_the_compiler_refuses(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is whole and described, but one tensor inside has lost its scale. LiteRT crashes on some such models."""
    shown: list[object] = []
    monkeypatch.setattr(litert_engine, "Interpreter", lambda **words: shown.append(words))
    make_world(tmp_path, tiny_detector)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((tmp_path / DETECTOR / "model.tflite").read_bytes()))
    inner = next(tensor for tensor in model.subgraphs[0].tensors if tensor.name == b"logits")
    inner.quantization = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    put_model(tmp_path / DETECTOR, bytes(builder.Output()))
    monkeypatch.chdir(tmp_path)
    for name in TRIED:
        code, _, errors = run(COMMANDS[name], tmp_path, capsys)
        assert code == 1
        summary, *findings = errors.strip().splitlines()
        assert re.search(r"error: .*model\.tflite: 2 operators cannot be compiled, for 2 reasons:$", summary)
        for kind, finding in zip(("CONV_2D", "LOGISTIC"), findings, strict=True):
            assert re.search(rf"operator \d+ \({kind}, \w+\): tensor logits has no single scale", finding)
    assert shown == []

"""A model is data: the program of one detector runs the model of another training of the same network.

The referee of events and scores is the Python runtime with LiteRT's reference kernels.
"""

import dataclasses
import hashlib
import re
import struct
import subprocess
import zlib
from pathlib import Path

import blob_program
import numpy as np
import pytest
from big_endian import build_big_endian, needs_big_endian
from blob_program import BlobProgram
from damaged_blobs import try_damaged_blobs, with_crc
from loadable_detectors import OTHER_CLASSES, kernels_model, noise_in_bursts, two_trainings
from tiny_detector import write_tiny_detector

from stapes.convert.compile import generate, plan_model
from stapes.convert.export.command import export
from stapes.convert.lower.packing import LAYOUTS
from stapes.convert.supported import BLOB_TARGETS
from stapes.firmware_sim.device.blob import blob_of
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.device.generated_c import ModelConstants, generated_c
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.detector_c import detector_c
from stapes.firmware_sim.machines.simulation import BuiltDetector, DetectorRun, build_detector
from stapes.runtime.detector import Detector
from stapes.runtime.main import main

SLOW_BOARDS = ("cortex-m0-large", "cortex-m55", "riscv32")
MACHINES = ["host", "cortex-m4", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_BOARDS)]
BOARD_LAYOUT = {"cortex-m4": "STAPES_NN_DSP", "cortex-m55": "STAPES_NN_MVE"}  # of the boards that have one of their own


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> tuple[DetectorFolder, DetectorFolder]:
    return two_trainings(tmp_path_factory.mktemp("trainings"))


@pytest.fixture(scope="module")
def host(
    trainings: tuple[DetectorFolder, DetectorFolder], tmp_path_factory: pytest.TempPathFactory
) -> tuple[BuiltDetector, str]:
    """Return the loadable program of the first training for this machine, and its layout of weights."""
    built = build_detector(trainings[0], None, tmp_path_factory.mktemp("host"), loadable=True)
    return built, _layout_here()


def _layout_here() -> str:
    """Return the layout that this machine's compiler chooses without -march=native."""
    macros = subprocess.run(["cc", "-dM", "-E", "-x", "c", "/dev/null"], capture_output=True, text=True).stdout
    return "STAPES_NN_HOST" if re.search(r"__AVX2__|__aarch64__", macros) else "STAPES_NN_ROWS"


@pytest.fixture(scope="module")
def program(trainings: tuple[DetectorFolder, DetectorFolder], tmp_path_factory: pytest.TempPathFactory) -> BlobProgram:
    """Return the program of the first training with ASan and UBSan."""
    return BlobProgram(trainings[0], tmp_path_factory.mktemp("sanitized") / "program", "STAPES_NN_ROWS")


def constants(folder: DetectorFolder) -> ModelConstants:
    made = generated_c(folder, loadable=True).constants
    assert made is not None
    return made


def heard_by_runtime(folder: DetectorFolder, run: DetectorRun) -> None:
    """Assert that a program gave the scores and events of this detector."""
    heard = Detector.load(folder.path, engine="litert").hear_recording(noise_in_bursts())
    assert len(heard.events) > 3
    assert np.array_equal(run.scores, heard.scores)
    assert run.events == heard.events


@pytest.mark.parametrize("machine", MACHINES)
def test_a_program_gives_exactly_the_events_of_the_model_that_it_has_loaded(
    trainings: tuple[DetectorFolder, DetectorFolder], machine: str, tmp_path: Path
) -> None:
    first, second = trainings
    board = None if machine == "host" else BOARDS[machine]
    layout = _layout_here() if board is None else BOARD_LAYOUT.get(machine, "STAPES_NN_ROWS")
    built = build_detector(first, board, tmp_path, loadable=True)
    pcm = noise_in_bursts()
    own = built.hear(pcm, count=False)
    assert own.loaded == -1
    heard_by_runtime(first, own)
    loaded = built.hear(pcm, count=False, blob=blob_of(second, constants(second), layout))
    assert loaded.loaded == 0
    heard_by_runtime(second, loaded)


def replaced(blob: bytes, at: int, part: bytes) -> bytes:
    return with_crc(blob[:at] + part + blob[at + len(part) :])


def with_another_size(blob: bytes, size: int) -> bytes:
    whole = blob[:8] + struct.pack("<I", size) + blob[12:size]
    return whole[:12] + struct.pack("<I", zlib.crc32(whole[16:])) + whole[16:]


REFUSALS = {
    "nothing": (lambda blob: b"", 1),
    "shorter than a head": (lambda blob: blob[:127], 1),
    "another file": (lambda blob: b"RIFF" + blob[4:], 1),
    "another byte order": (lambda blob: blob[:4][::-1] + blob[4:], 3),
    "a newer format": (lambda blob: replaced(blob, 4, struct.pack("<I", 2)), 4),
    "format 0": (lambda blob: replaced(blob, 4, bytes(4)), 4),
    "cut off": (lambda blob: blob[:-1], 5),
    "a size below that of a head": (lambda blob: with_another_size(blob, 100) + bytes(28), 5),
    "no names": (lambda blob: with_another_size(blob, len(blob) - len("".join(OTHER_CLASSES).encode()) - 3), 5),
    "a flipped bit": (lambda blob: blob[:5000] + bytes([blob[5000] ^ 1]) + blob[5001:], 6),
    "another processor": (lambda blob: replaced(blob, 16, struct.pack("<I", 1)), 7),
    "a flipped bit of the shape": (lambda blob: replaced(blob, 40, bytes([blob[40] ^ 1])), 8),
    "another frontend": (lambda blob: replaced(blob, 64, bytes(32)), 9),
    "a threshold of -128": (lambda blob: replaced(blob, 128, b"\x80"), 10),
    "off_score above on_score": (lambda blob: replaced(blob, 128, b"\x05\x06"), 10),
    "an even median": (lambda blob: replaced(blob, 130, b"\x04"), 10),
    "a median of 17": (lambda blob: replaced(blob, 130, b"\x11"), 10),
    "min_duration_steps of 0": (lambda blob: replaced(blob, 132, bytes(4)), 10),
    "merge_gap_steps of 2^31": (lambda blob: replaced(blob, 136, struct.pack("<I", 1 << 31)), 10),
    "a zero point of 128": (lambda blob: replaced(blob, 188, struct.pack("<i", 128)), 10),
    "one name less": (lambda blob: with_crc(blob[:-1] + b"x"), 10),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_blob_has_its_own_code_and_leaves_the_model_as_it_was(
    trainings: tuple[DetectorFolder, DetectorFolder], host: tuple[BuiltDetector, str], name: str
) -> None:
    first, second = trainings
    built, layout = host
    change, code = REFUSALS[name]
    run = built.hear(noise_in_bursts(), blob=change(blob_of(second, constants(second), layout)))
    assert run.loaded == code
    heard_by_runtime(first, run)


def test_blobs_of_other_networks_classes_delays_frontends_and_processors_are_refused(
    trainings: tuple[DetectorFolder, DetectorFolder], program: BlobProgram, tmp_path: Path
) -> None:
    second = trainings[1]
    tiny = write_tiny_detector(tmp_path / "tiny.stapes")
    other = write_tiny_detector(tmp_path / "other.stapes", FrontendConfig(n_bands=32))
    late = dataclasses.replace(second, target_delay_steps=2)
    blobs = [blob_of(each, constants(each), "STAPES_NN_ROWS") for each in (second, tiny, other, late)]
    blobs += [blob_of(second, constants(second), f"STAPES_NN_{name}") for name in ("DSP", "MVE", "HOST")]
    assert program.codes(blobs) == [0, 8, 9, 8, 7, 7, 7]


def test_a_model_that_was_loaded_runs_until_another_one_is_taken(
    trainings: tuple[DetectorFolder, DetectorFolder], program: BlobProgram
) -> None:
    """Refused blobs between two loads change no score: the program prints a checksum of scores after each load."""
    one, two = (blob_of(each, constants(each), "STAPES_NN_ROWS") for each in trainings)
    plain, report = program.load([one, two, one])
    assert report == ""
    mixed, report = program.load([one, two[:-1], b"", two, with_crc(two[:-1] + b"x"), one])
    assert report == ""
    assert [line for line in mixed if line.startswith("0 ")] == plain
    assert len({line.split()[2] for line in plain}) == 3


def test_a_few_damaged_blobs_are_refused_or_run_clean_under_sanitizers(
    trainings: tuple[DetectorFolder, DetectorFolder], program: BlobProgram
) -> None:
    """tests/fuzz/test_blobs.py tries more of them."""
    try_damaged_blobs(trainings[0], program, "STAPES_NN_ROWS", 150)


def test_other_kernels_run_the_model_that_was_loaded_too(tmp_path: Path) -> None:
    """Pools, means, extremes, fills, moves and sums for which there is no linear form."""
    first, second = two_trainings(tmp_path, kernels_model)
    built = build_detector(first, None, tmp_path, loadable=True)
    for folder in (first, second):
        run = built.hear(noise_in_bursts(), blob=blob_of(folder, constants(folder), _layout_here()))
        assert run.loaded == 0
        heard_by_runtime(folder, run)


def test_a_model_is_swapped_amid_a_stream_without_losing_a_sample(
    trainings: tuple[DetectorFolder, DetectorFolder], tmp_path: Path
) -> None:
    """The referee is the runtime, which hears what follows the load as a stream of its own."""
    first, second = trainings
    code = detector_c(first, generated_c(first, loadable=True), tmp_path)
    main_file = Path(blob_program.__file__).parent / "swap_while_hearing.c"
    includes = [f"-I{path}" for path in code.include_dirs]
    program = tmp_path / "swap"
    subprocess.run(["cc", "-std=c99", "-O1", *includes, *code.sources, main_file, "-o", program], check=True)
    (tmp_path / "model.blob").write_bytes(blob_of(second, constants(second), _layout_here()))
    pcm = noise_in_bursts()
    done = subprocess.run(
        [program, tmp_path / "model.blob", "101"], input=pcm.astype("<i2").tobytes(), capture_output=True, check=True
    )
    before, after, *lines = done.stdout.decode().splitlines()
    clock = int(before.split()[1])
    assert 100 * 256 > clock > 90 * 256
    assert after == f"after {clock} {second.events[0].on_score} 0"  # the sensitivity is 0 again
    assert int(before.split()[2]) < first.events[0].on_score
    detector = Detector.load(second.path, engine="litert")
    expected = [*detector.push(pcm[clock:]), *detector.gap(0)]  # as stapes_finish, which appends no tail
    assert len([event for event in expected if event.offset_sample is not None]) > 3
    assert lines == [
        f"{e.label} {e.onset_sample + clock} {-1 if e.offset_sample is None else e.offset_sample + clock} "
        f"{round(256 * e.confidence) - 128}"
        for e in expected
    ]


def test_loading_takes_as_many_instructions_as_the_header_states(
    trainings: tuple[DetectorFolder, DetectorFolder], tmp_path: Path
) -> None:
    first = trainings[0]
    built = build_detector(first, BOARDS["cortex-m4"], tmp_path, loadable=True)
    blob = blob_of(first, constants(first), "STAPES_NN_DSP")
    pcm = np.zeros(1, np.int16)
    runs = built.hear(pcm, blob=blob).run, built.hear(pcm).run
    assert runs[0] is not None
    assert runs[1] is not None
    assert 50 < (runs[0].total_instructions - runs[1].total_instructions) / len(blob) < 60


def test_two_trainings_have_one_shape_in_every_layout(trainings: tuple[DetectorFolder, DetectorFolder]) -> None:
    first, second = map(constants, trainings)
    assert first.shapes == second.shapes
    for layout, content in first.contents.items():
        assert len(content) == len(second.contents[layout])
        assert content != second.contents[layout]
    assert len(set(first.shapes.values())) == len(LAYOUTS)


def test_the_command_writes_the_blob_that_is_built_into_the_program(
    trainings: tuple[DetectorFolder, DetectorFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in BLOB_TARGETS:
        out = tmp_path / f"{target}.blob"
        main(["export", str(trainings[1].path), "--blob", "--target", target, "--out", str(out)])
        kind = BLOB_TARGETS[target]
        blob = out.read_bytes()
        assert blob == blob_of(trainings[1], constants(trainings[1]), LAYOUTS[kind.layout].macro, kind.byte_order)
        assert capsys.readouterr().out == f"{out}: {len(blob)} bytes\n"
        assert blob[96:128] == hashlib.sha256(trainings[1].model).digest()


def test_force_replaces_a_blob_and_no_other_file(
    trainings: tuple[DetectorFolder, DetectorFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "one.blob"
    command = ["export", str(trainings[0].path), "--blob", "--target", "big-endian", "--out", str(out), "--force"]
    out.write_text("years of work")
    assert main(command) == 1
    assert f"{out} is no blob of `stapes export --blob`, so it is not replaced" in capsys.readouterr().err
    assert out.read_text() == "years of work"
    out.unlink()
    assert [main(command), main(command)] == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--blob"], "--blob needs --target, the kind of processor: portable, cortex-m, helium, host, big-endian"),
        (["--blob", "--target", "host", "--loadable"], "--loadable belongs to --as"),
        (["--as", "cmake", "--target", "host"], "--target belongs to --blob"),
    ],
)
def test_options_that_do_not_belong_together_are_refused(
    trainings: tuple[DetectorFolder, DetectorFolder],
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", str(trainings[0].path), *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_model_with_a_layer_that_cannot_be_loaded_is_refused_with_its_name(tmp_path: Path) -> None:
    from compiler_models import every_operator

    from stapes.firmware_sim.errors import ModelError

    with pytest.raises(ModelError, match=r"cannot be loadable, because of \d+ of its layers: .*stapes_nn_"):
        plan_model(every_operator(), "model", loadable=True)


def test_a_model_that_is_not_loadable_has_no_trace_of_it(trainings: tuple[DetectorFolder, DetectorFolder]) -> None:
    texts = generate(trainings[0].model, "plain").texts
    assert not any("blob" in text or "loadable" in text for text in texts.values())


@needs_big_endian
def test_a_loadable_library_passes_its_selftest_on_a_big_endian_processor(
    trainings: tuple[DetectorFolder, DetectorFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stapes.convert.export.library.MEASURED_BOARDS", ())
    out = tmp_path / "library"
    export(trainings[0].path, "single-file", out, loadable=True)
    program = build_big_endian([out / "first_single.c", out / "selftest.c"], [out], tmp_path / "selftest", "-O1")
    assert subprocess.run([program]).returncode == 0


@pytest.mark.parametrize("layout", ["cmake", "single-file"])
def test_a_loadable_library_builds_without_warnings_and_passes_its_selftest(
    trainings: tuple[DetectorFolder, DetectorFolder], layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stapes.convert.export.library.MEASURED_BOARDS", ())
    out = tmp_path / "library"
    export(trainings[0].path, layout, out, loadable=True)
    strict = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror"]
    sources = [out / "first_single.c", out / "selftest.c"]
    if layout == "cmake":
        sources = [*(out / "src").glob("*.c"), out / "examples" / "selftest.c"]
    program = tmp_path / "selftest"
    subprocess.run(["cc", *strict, f"-I{out}", f"-I{out / 'include'}", *sources, "-o", program], check=True)
    assert subprocess.run([program]).returncode == 0
    if layout == "cmake":
        sources = [*(out / "src").glob("*.c"), out / "examples" / "listen.c"]
        subprocess.run(["cc", *strict, f"-I{out / 'include'}", *sources, "-o", program], check=True)
    assert "first_load(&detector, blob, size)" in (out / "README.md").read_text()

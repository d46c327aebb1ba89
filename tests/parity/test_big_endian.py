"""A whole detector on a big-endian processor hears what the Python runtime hears."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from big_endian import build_big_endian, needs_big_endian
from loadable_detectors import kernels_model, noise_in_bursts, two_trainings
from tiny_detector import noise_bursts, write_tiny_detector

from benchmarks.tflite_models import cnn_gru_step
from stapes.firmware_sim.device.blob import blob_of
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import generated_c
from stapes.firmware_sim.machines.boards import FOLDER
from stapes.firmware_sim.machines.detector_c import detector_c
from stapes.firmware_sim.machines.simulation import MAIN, BuiltDetector, DetectorRun
from stapes.runtime.detector import Detector

pytestmark = needs_big_endian


def build_detector(folder: DetectorFolder, out: Path, *, loadable: bool = False) -> BuiltDetector:
    """Build the program that runs on boards and on this machine for the big-endian processor."""
    model = generated_c(folder, loadable=loadable)
    code = detector_c(folder, model, out)
    header = f'-DDETECTOR_HEADER="{code.name}_detector.h"'
    flags = ["-O2", header, f"-DDETECTOR(x)={code.name}_##x"]
    if loadable:
        flags.append("-DDETECTOR_BLOB_BYTES=1000000")
    main = out / "main.c"
    main.write_text(f'int firmware_main(void);\n#define main firmware_main\n#include "{MAIN.name}"\n')
    sources = [*code.sources, main, FOLDER / "stapes_board_host.c"]
    program = build_big_endian(sources, [*code.include_dirs, FOLDER], out / "program", *flags)
    # The program reads samples in the byte order of its processor.
    swap = "dd if=in.pcm of=swapped conv=swab status=none && mv swapped in.pcm"
    program.write_text(program.read_text().replace("\nexec", f"\n{swap}\nexec"))
    return BuiltDetector(folder, None, program, None, model)


def assert_hears_what_the_runtime_hears(folder: DetectorFolder, pcm: np.ndarray, there: DetectorRun) -> None:
    heard = Detector.load(folder.path, engine="litert").hear_recording(pcm)
    assert len(heard.events) > 1
    assert np.array_equal(there.features[: len(heard.features)], heard.features)
    assert np.array_equal(there.scores, heard.scores)
    assert there.events == heard.events


def test_features_scores_and_events_vs_litert(tmp_path: Path) -> None:
    folder = write_tiny_detector(tmp_path / "tiny.stapes")
    pcm = noise_bursts(2.0, [(0.5, 0.9, "hiss"), (1.2, 1.6, "rumble")])
    assert_hears_what_the_runtime_hears(folder, pcm, build_detector(folder, tmp_path).hear(pcm))


def test_those_of_a_recurrent_network_vs_litert(tmp_path: Path) -> None:
    folder, pcm = two_trainings(tmp_path)[0], noise_in_bursts()
    assert_hears_what_the_runtime_hears(folder, pcm, build_detector(folder, tmp_path).hear(pcm))


@pytest.mark.parametrize("network", [cnn_gru_step, pytest.param(kernels_model, marks=pytest.mark.slow)])
def test_those_of_a_model_that_is_built_in_or_loaded_vs_litert(network: Callable[[int], bytes], tmp_path: Path) -> None:
    first, second = two_trainings(tmp_path, network)
    built, pcm = build_detector(first, tmp_path, loadable=True), noise_in_bursts()
    assert_hears_what_the_runtime_hears(first, pcm, built.hear(pcm))
    constants = generated_c(second, loadable=True).constants
    assert constants is not None
    loaded = built.hear(pcm, blob=blob_of(second, constants, "STAPES_NN_ROWS", "big"))
    assert loaded.loaded == 0
    assert_hears_what_the_runtime_hears(second, pcm, loaded)
    refused = built.hear(pcm, blob=blob_of(second, constants, "STAPES_NN_ROWS"))
    assert refused.loaded == 3
    assert_hears_what_the_runtime_hears(first, pcm, refused)

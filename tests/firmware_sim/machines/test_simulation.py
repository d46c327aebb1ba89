"""A whole detector, on this machine and on every board, gives what the Python runtime with LiteRT's kernels gives."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from boards_under_test import EVERY_BOARD
from numpy.typing import NDArray
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import Event
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.generated_c import generated_c
from stapes.firmware_sim.errors import ConfigError, ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS, Board
from stapes.firmware_sim.machines.firmware import Limits
from stapes.firmware_sim.machines.simulation import BuiltDetector, Pace, build_detector
from stapes.runtime.detector import Detector


@pytest.fixture(scope="module")
def pcm() -> NDArray[np.int16]:
    return noise_bursts(3.0, [(0.5, 0.9, "hiss"), (1.2, 1.6, "rumble"), (2.5, 3.0, "hiss")])


@pytest.fixture(scope="module")
def expected(compiled_detector: Path, pcm: NDArray[np.int16]) -> tuple[NDArray[np.int8], NDArray[np.int8], list[Event]]:
    detector = Detector.load(compiled_detector, engine="litert")
    heard = detector.hear_recording(pcm)
    return heard.features, heard.scores, heard.events


@pytest.fixture(scope="module", params=["host", *EVERY_BOARD])
def built(
    request: pytest.FixtureRequest, compiled_detector: Path, tmp_path_factory: pytest.TempPathFactory
) -> BuiltDetector:
    return build_detector(read_folder(compiled_detector), BOARDS.get(request.param), tmp_path_factory.mktemp("built"))


def test_features_scores_and_events_vs_litert_reference(
    built: BuiltDetector,
    pcm: NDArray[np.int16],
    expected: tuple[NDArray[np.int8], NDArray[np.int8], list[Event]],
) -> None:
    heard = built.hear(pcm)
    features, scores, events = expected
    assert len(events) == 6
    assert heard.frames == 1 + (len(pcm) + 512 + 128 - 512) // 256, "the tail is a step and half of an overlap long"
    np.testing.assert_array_equal(heard.features[: len(features)], features)
    np.testing.assert_array_equal(heard.scores, scores)
    assert heard.events == events
    assert (heard.overruns, heard.samples_lost) == (0, 0)
    if built.board is not None:
        assert len(heard.stages["frontend"]) == heard.frames
        assert len(heard.stages["model"]) == len(heard.stages["events"]) == heard.steps == len(scores)


def runtime_over_gaps(path: Path, pcm: NDArray[np.int16], gaps: list[tuple[int, int]]) -> list[Event]:
    """Return the events of the Python runtime when the same samples are missing."""
    detector, events, position = Detector.load(path, engine="litert"), [], 0
    for at, lost in gaps:
        events += detector.push(pcm[position:at]) + detector.gap(lost)
        position = at + lost
    return events + detector.push(pcm[position:]) + detector.flush()


@pytest.mark.parametrize("board", ["cortex-m0", "cortex-m4", "riscv32"])
def test_paced_audio_is_heard_alike_where_the_core_keeps_up(
    board: str,
    compiled_detector: Path,
    tmp_path: Path,
    pcm: NDArray[np.int16],
    expected: tuple[NDArray[np.int8], NDArray[np.int8], list[Event]],
) -> None:
    """A core that is fast enough loses nothing; one half as fast gives the runtime's events with the same gaps."""
    built = build_detector(read_folder(compiled_detector), BOARDS[board], tmp_path)
    free = built.hear(pcm)
    busiest = max(free.stages["frontend"]) + max(free.stages["model"]) + 20_000  # instructions that print an event
    kept_up = built.hear(pcm, pace=Pace(mhz=2 * busiest / 0.016 / 1e6, cpi=2.0))
    assert kept_up.overruns == 0
    assert kept_up.events == expected[2]
    late = built.hear(pcm, pace=Pace(mhz=busiest / 0.016 / 1e6, cpi=2.0))
    assert late.overruns > 0
    assert late.samples_lost == sum(lost for _, lost in late.gaps) > len(pcm) / 8
    assert late.events == runtime_over_gaps(compiled_detector, pcm, late.gaps)
    again = built.hear(pcm, pace=Pace(mhz=busiest / 0.016 / 1e6, cpi=2.0))
    assert (again.lines, again.run) == (late.lines, late.run)


@pytest.mark.parametrize("ring_samples", [None, 777])
def test_the_loop_is_clean_under_the_sanitizers(
    ring_samples: int | None,
    compiled_detector: Path,
    tmp_path: Path,
    pcm: NDArray[np.int16],
    expected: tuple[NDArray[np.int8], NDArray[np.int8], list[Event]],
) -> None:
    """No part of the loop has undefined behaviour or accesses foreign memory, with any length of the ring."""
    name = generated_c(read_folder(compiled_detector)).description.name.upper()
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    flags += [] if ring_samples is None else [f"-D{name}_RING_SAMPLES={ring_samples}"]
    built = build_detector(read_folder(compiled_detector), None, tmp_path, flags=flags)
    assert built.hear(pcm).events == expected[2]


def test_a_ring_that_is_too_short_is_refused_by_the_compiler(compiled_detector: Path, tmp_path: Path) -> None:
    folder = read_folder(compiled_detector)
    least = folder.frontend.window_samples + folder.frontend.hop_samples
    name = generated_c(folder).description.name.upper()
    for samples in (10, least - 1):
        with pytest.raises(ToolchainError, match=f"{name}_RING_SAMPLES must be at least {least}, a window and a hop"):
            build_detector(folder, None, tmp_path, flags=[f"-D{name}_RING_SAMPLES={samples}"])
    build_detector(folder, None, tmp_path, flags=[f"-D{name}_RING_SAMPLES={least}"])


def test_lines_come_while_the_board_runs(compiled_detector: Path, tmp_path: Path, pcm: NDArray[np.int16]) -> None:
    lines: list[str] = []
    heard = build_detector(read_folder(compiled_detector), BOARDS["cortex-m4"], tmp_path).hear(
        pcm, on_line=lines.append
    )
    assert lines[:-1] == heard.lines
    assert len(heard.lines) == 6


def test_a_pace_that_no_timer_can_keep_is_refused(compiled_detector: Path, tmp_path: Path) -> None:
    folder = read_folder(compiled_detector)
    silence = np.zeros(600, np.int16)
    with pytest.raises(ConfigError, match="name a board"):
        build_detector(folder, None, tmp_path).hear(silence, pace=Pace(mhz=1, cpi=1))
    with pytest.raises(ConfigError, match=r"5000 MHz at 0\.5 cycles per instruction cannot be paced on cortex-m4"):
        build_detector(folder, BOARDS["cortex-m4"], tmp_path).hear(silence, pace=Pace(mhz=5000, cpi=0.5))


def test_recordings_shorter_than_a_step(compiled_detector: Path, tmp_path: Path) -> None:
    built = build_detector(read_folder(compiled_detector), None, tmp_path)
    for samples, frames in ((0, 0), (1, 1), (127, 1), (128, 2), (511, 3), (639, 3)):
        heard = built.hear(np.zeros(samples, np.int16))
        assert (heard.frames, heard.steps, heard.events) == (frames, frames // 2, [])


def test_labels_of_any_kind_reach_the_lines(compiled_detector: Path, tmp_path: Path, pcm: NDArray[np.int16]) -> None:
    folder = read_folder(compiled_detector)
    odd = dataclasses.replace(folder, classes=('say "hi"\\', "*/ Öl?\n7\x1f\u2028"))
    heard = build_detector(odd, None, tmp_path).hear(pcm)
    assert {event.label for event in heard.events} == set(odd.classes)


def test_a_stack_that_is_too_small_is_named_with_its_stage(
    compiled_detector: Path, tmp_path: Path, pcm: NDArray[np.int16]
) -> None:
    folder = read_folder(compiled_detector)
    board: Board = BOARDS["cortex-m4"]
    needed = build_detector(folder, board, tmp_path).hear(pcm)
    assert needed.run is not None
    tight = build_detector(folder, board, tmp_path, limits=Limits(stack_bytes=needed.run.stack_bytes // 2))
    with pytest.raises(ToolchainError, match=r"cortex-m4: stack overflow.*last stage: (frontend|model|push)"):
        tight.hear(pcm)

"""`stapes export --as esphome` in ESPHome itself: its validation, its generated code, and a program that hears.

ESPHome is the referee of the configurations, `Detector` (what `stapes detect` runs) that of the events.
"""

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from esphome_host import LOAD_BLOB, HostProgram, esphome, quick_library, require_esphome, write_export
from numpy.typing import NDArray
from page_blocks import ROOT, read_blocks
from tiny_detector import noise_bursts

from stapes.convert.export.layouts import layout
from stapes.convert.export.library import Library
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.detector import Detector
from stapes.runtime.main import main

SET_SENSITIVITY = """
if (const char *steps = getenv("HISS_SENSITIVITY")) {
  id(hiss_sensitivity).make_call().set_value(atof(steps)).perform();
}
"""

# These print what the component says.
OPTIONS = r"""
  on_event_start:
    - lambda: printf("start %s %lld %d\n", event.label, (long long) event.onset_sample, (int) event.offset_sample);
  on_event:
    - lambda: |-
        printf("event %s %lld %lld %.8f %.3f\n", event.label, (long long) event.onset_sample,
               (long long) event.offset_sample, event.confidence, event.duration());
preferences:
  flash_write_interval: 0s
binary_sensor:
  - {platform: stapes, class: hiss, name: hiss, on_state: [lambda: 'printf("hiss %d\n", x);']}
sensor:
  - {platform: stapes, type: rate, class: hiss, name: rate, on_value: [lambda: 'printf("rate %.3f\n", x);']}
  - {platform: stapes, type: max_score, class: hiss, name: score, on_value: [lambda: 'printf("score %.8f\n", x);']}
  - {platform: stapes, type: level, name: level, on_value: [lambda: 'printf("level %.3f\n", x);']}
  - {platform: stapes, type: loop_time, name: loop, on_value: [lambda: 'printf("loop %.3f\n", x);']}
  - {platform: stapes, type: overruns, name: overruns, on_value: [lambda: 'printf("overruns %.0f\n", x);']}
number:
  - {platform: stapes, class: hiss, name: sensitivity, id: hiss_sensitivity}
text_sensor:
  - {platform: stapes, name: last, on_value: [lambda: 'printf("last %s\n", x.c_str());']}
"""


@pytest.fixture
def exported(library: Library, tmp_path: Path) -> Path:
    require_esphome()
    return write_export(library, tmp_path)


@pytest.mark.parametrize("example", ["esp32-s3.yaml", "voice-pe.yaml"])
def test_esphome_accepts_the_examples_and_generates_their_code(exported: Path, example: str) -> None:
    done = esphome("compile --only-generate", exported / example)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Successfully generated source code" in done.stderr
    (main,) = exported.glob(".esphome/build/*/src/main.cpp")
    assert "set_microphone_source" in main.read_text()
    names = {path.name for path in main.parent.glob("esphome/components/stapes/**/*")}
    assert {"stapes.cpp", "stapes.h", "tiny_single.c", "tiny_single.h", "sensitivity_number.cpp"} <= names


@pytest.mark.parametrize(("block", "accepted"), [(0, "rumble: 2"), (1, "url: http://192.168.1.20:8080/clips")])
def test_esphome_accepts_the_yaml_of_the_readme(exported: Path, block: int, accepted: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (exported / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    example = exported / "esp32-s3.yaml"
    example.write_text(re.sub(r"^stapes:\n(?:  .*\n)+", blocks[block], example.read_text(), flags=re.MULTILINE))
    done = esphome("config", example)
    assert done.returncode == 0, done.stdout
    assert accepted in done.stdout


@pytest.mark.parametrize(
    ("file", "accepted"),
    [
        ("kitchen.yaml", ("i2s_din_pin: 10", "on_event_start:", "on_event:")),
        ("hall.yaml", ("url: http://192.168.1.20:8080/hall", "near_misses: 4", "on_event:")),
    ],
)
def test_esphome_accepts_the_yaml_of_the_page(exported: Path, file: str, accepted: tuple[str, ...]) -> None:
    (block,) = (block for block in read_blocks(ROOT / "docs" / "home.md") if block.title == f"listener/{file}")
    (exported / file).write_text(block.text, encoding="utf-8")
    done = esphome("config", exported / file)
    assert done.returncode == 0, done.stdout
    for text in accepted:
        assert text in done.stdout


@pytest.mark.parametrize(
    ("text", "instead", "path", "message"),
    [
        (
            "  on_event:",
            "  sensitivity:\n    his: 2\n  on_event:",
            "stapes:",
            "[his] is an invalid option for",
        ),
        ("  on_event:", "  sensitivity:\n    hiss: 17\n  on_event:", "stapes:", "must be at most 16"),
        ("sample_rate: 16000", "sample_rate: 48000", "microphone.i2s_audio:", "requires a 16000 sample rate"),
        ("microphone: i2s_microphone", "microphone: phone", "stapes:", "Couldn't find ID 'phone'"),
        (
            "microphone: i2s_microphone",
            "microphone: {microphone: i2s_microphone, channels: 1}",
            "microphone.i2s_audio:",
            "Enabled channel 1",
        ),
    ],
)
def test_esphome_refuses_what_the_detector_cannot_do(
    exported: Path, text: str, instead: str, path: str, message: str
) -> None:
    example = exported / "esp32-s3.yaml"
    assert text in example.read_text()
    example.write_text(example.read_text().replace(text, instead, 1))
    done = esphome("config", example)
    assert done.returncode == 2
    assert "Failed config" in done.stdout
    assert path in done.stdout
    assert message in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("text", "instead", "path", "message"),
    [
        ('class: "hiss"', "class: his", "binary_sensor.stapes:", "Unknown value 'his', did you mean 'hiss'?"),
        ('type: "level"', "type: loudness", "sensor.stapes:", "Unknown value 'loudness', valid options are"),
    ],
)
def test_esphome_refuses_entities_that_the_detector_does_not_have(
    exported: Path, text: str, instead: str, path: str, message: str
) -> None:
    entities = exported / "entities.yaml"
    assert text in entities.read_text()
    entities.write_text(entities.read_text().replace(text, instead, 1))
    done = esphome("config", exported / "esp32-s3.yaml")
    assert done.returncode == 2
    assert path in done.stdout
    assert message in " ".join(done.stdout.split())


def test_classes_may_have_any_name(library: Library, tmp_path: Path) -> None:
    """`on` and `7` would be a truth value and a number in YAML without quotes."""
    require_esphome()
    classes = ("on", "7", 'a "loud" dog', "Hund: bellt # laut", "verre brisé", "汪", "喵", "a/b")
    folder = library.folder
    named = dataclasses.replace(
        library, folder=dataclasses.replace(folder, classes=classes, events=folder.events[:1] * len(classes))
    )
    done = esphome("config", write_export(named, tmp_path) / "esp32-s3.yaml")
    assert done.returncode == 0, done.stdout


def test_a_detector_at_a_rate_that_no_microphone_of_esphome_has_is_refused(library: Library) -> None:
    slow = dataclasses.replace(library.folder, frontend=FrontendConfig(sample_rate_hz=4000, f_max_hz=2000))
    with pytest.raises(ConfigError, match=r"hears 4000 Hz, and a microphone of ESPHome has 8000 to 48000 Hz"):
        layout("esphome").files(dataclasses.replace(library, folder=slow))


def test_a_detector_at_another_rate_has_no_example_for_the_voice_pe(library: Library) -> None:
    folder = dataclasses.replace(library.folder, frontend=FrontendConfig(sample_rate_hz=32_000))
    files = layout("esphome").files(dataclasses.replace(library, folder=folder))
    assert "voice-pe.yaml" not in files
    assert "has no example: its microphones have 16000 Hz" in files["README.md"]
    assert "sample_rate: 32000" in files["esp32-s3.yaml"]
    assert "takes 30,976 bytes more RAM" in files["README.md"]  # 16,000 + 512 samples instead of 512 + 2 * 256


@pytest.fixture(scope="module")
def program(library: Library, tmp_path_factory: pytest.TempPathFactory) -> HostProgram:
    require_esphome()
    return HostProgram.build(write_export(library, tmp_path_factory.mktemp("esphome")), SET_SENSITIVITY, OPTIONS)


@pytest.fixture(scope="module")
def recording() -> NDArray[np.int16]:
    """Events that all end two seconds before the recording does: a device appends no tail."""
    return noise_bursts(8.0, [(0.5, 0.9, "hiss"), (1.2, 1.6, "rumble"), (3.0, 3.5, "hiss"), (3.2, 4.0, "rumble")])


def expected_lines(detector: Path, pcm: NDArray[np.int16], hiss: int = 0, first_sample: int = 0) -> list[str]:
    """Return the events that `stapes detect` finds as lines of the program, in the order in which they end."""
    runtime = Detector.load(detector, engine="litert")
    runtime.set_sensitivity("hiss", hiss)
    return [
        f"event {event.label} {event.onset_sample + first_sample} {event.offset_sample + first_sample} "
        f"{event.confidence:.8f} {event.offset - event.onset:.3f}"
        for event in sorted(runtime.detect(pcm), key=lambda event: event.offset_sample)
    ]


def header(library: Library) -> str:
    return layout("esphome").files(library)["components/stapes/tiny_single.h"]


def lines(printed: list[str], word: str) -> list[str]:
    return [line for line in printed if line.startswith(f"{word} ")]


@pytest.mark.slow
def test_a_program_of_esphome_hears_what_stapes_detect_hears(
    program: HostProgram, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    printed = program.play(recording, tmp_path)
    events = expected_lines(compiled_detector, recording)
    assert len(events) == 4
    assert lines(printed, "event") == events
    starts = {f"start {label} {onset} -1" for _, label, onset, *_ in map(str.split, events)}
    assert set(lines(printed, "start")) == starts
    assert lines(printed, "last") == ["last hiss", "last rumble", "last hiss", "last rumble"]
    assert lines(printed, "hiss") == ["hiss 1", "hiss 0", "hiss 1", "hiss 0"]
    assert set(lines(printed, "overruns")) == {"overruns 0"}
    assert any("Self-test: passed" in line for line in printed)


@pytest.mark.slow
def test_a_sensitivity_that_was_set_holds_after_a_restart(
    program: HostProgram, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    events = expected_lines(compiled_detector, recording, hiss=-14)
    assert events != expected_lines(compiled_detector, recording)
    assert lines(program.play(recording, tmp_path, environment={"HISS_SENSITIVITY": "-14"}), "event") == events
    assert lines(program.play(recording, tmp_path), "event") == events


@pytest.mark.slow
def test_audio_that_the_ring_cannot_hold_is_told_and_times_stay_correct(
    program: HostProgram, library: Library, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    """Two seconds come at once, as if loop() had waited so long. Referee: the part behind the gap, by itself."""
    ring = int(re.findall(r"^#define TINY_RING_SAMPLES (\d+)$", header(library), re.MULTILINE)[0])
    printed = program.play(recording, tmp_path, first_block=32_000)
    (lost,) = {int(lost) for line in printed for lost in re.findall(r"1 overruns, (\d+) samples lost", line)}
    assert lost >= 32_000 - ring
    assert lines(printed, "overruns")[-1] == "overruns 1"
    assert any("set Warning flag: audio was lost" in line for line in printed)
    behind = ring + lost
    events = expected_lines(compiled_detector, recording[behind:], first_sample=behind)
    assert len(events) == 2
    assert lines(printed, "event")[-2:] == events


@pytest.mark.slow
def test_sensors_say_rate_score_level_and_time(
    program: HostProgram, compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    printed = program.play(recording, tmp_path)
    shown = {word: [float(line.split()[1]) for line in lines(printed, word)] for word in ("rate", "score", "loop")}
    assert max(shown["rate"]) > 0
    highest = Detector.load(compiled_detector, engine="litert").scores(recording)[:, 1].max()
    known = [score for score in shown["score"] if not np.isnan(score)]  # unknown: no step ended in the interval
    assert max(known) == (int(highest) + 128) / 256
    took = [loop for loop, score in zip(shown["loop"], shown["score"], strict=True) if not np.isnan(score)]
    assert min(took) > 0
    half_of_full_scale = np.resize(np.int16([16384, -16384]), recording.size)
    for played, level in ((half_of_full_scale, "level -6.021"), (np.zeros_like(recording), "level -96.330")):
        told = set(lines(program.play(played, tmp_path), "level"))
        assert told - {"level nan"} == {level}  # unknown: no block came in the interval


@pytest.mark.slow
def test_a_microphone_that_delivers_nothing_is_a_warning(program: HostProgram, tmp_path: Path) -> None:
    printed = program.play(np.zeros(0, np.int16), tmp_path)
    assert lines(printed, "level")[0] == "level nan"
    assert lines(printed, "score")[0] == "score nan"
    assert any("set Warning flag: the microphone delivers no audio" in line for line in printed)


@pytest.mark.slow
def test_a_build_that_computes_something_else_does_not_listen(
    program: HostProgram, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    shutil.copytree(program.path.parent, tmp_path / "build")
    (source,) = (tmp_path / "build").glob("src/esphome/components/stapes/tiny_single.c")
    changed, count = re.subn("162560, 162560", "162560, 162999", source.read_text(), count=1)  # a bias
    assert count == 1
    source.write_text(changed)
    subprocess.run(["make", "--silent", "-C", tmp_path / "build"], check=True)
    printed = HostProgram(tmp_path / "build" / "program").play(recording, tmp_path)
    assert any("The self-test failed with 3" in line for line in printed)
    assert lines(printed, "event") == []


@pytest.mark.slow
def test_a_loadable_component_takes_another_model_and_refuses_what_is_none(
    compiled_detector: Path, recording: NDArray[np.int16], tmp_path: Path
) -> None:
    """The other model differs in its thresholds, so that it hears no hiss."""
    require_esphome()
    other = shutil.copytree(compiled_detector, tmp_path / "other.stapes")
    folder = read_folder(other)
    rumble, hiss = folder.events
    dataclasses.replace(folder, events=(rumble, dataclasses.replace(hiss, on_score=127, off_score=126))).write()
    blob = tmp_path / "other.blob"
    assert main(["export", str(other), "--blob", "--target", "portable", "--out", str(blob)]) == 0
    root = write_export(quick_library(compiled_detector, loadable=True), tmp_path / "loadable")
    built = HostProgram.build(root, LOAD_BLOB, OPTIONS)
    expected = expected_lines(other, recording)
    assert len(expected) == 2
    assert lines(built.play(recording, tmp_path, environment={"BLOB": str(blob)}), "event") == expected
    blob.write_bytes(blob.read_bytes()[:-4])
    printed = built.play(recording, tmp_path, environment={"BLOB": str(blob)})
    assert any("The model was not loaded" in line for line in printed)
    assert lines(printed, "event") == expected_lines(compiled_detector, recording)

"""The blocks of every page run, in the order in which a reader runs them.

Stand-ins for hardware and for hours of work are in tests/helpers/page_stage.py.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certificates import Authority
from mosquitto import Broker
from page_blocks import PAGES, ROOT, read_blocks
from page_stage import Stage
from virtual_microphone import VirtualMicrophone


@dataclass(frozen=True)
class Need:
    """What a page takes for granted."""

    names: tuple[str, ...] = ()  # what lies in the folder before the first block
    later: Mapping[str, str] = field(default_factory=dict)  # what is put there before the block that holds a text
    microphone: bool = False
    brokers: bool = False
    trains: bool = False


NEEDS = {
    "README.md": Need(("recordings", "yard.flac"), microphone=True, trains=True),
    "docs/index.md": Need(trains=True),
    "docs/own-recordings.md": Need(
        ("recordings", "bearings", "an-hour-without-events", "hallway"),
        {"--update": "recordings/labels.tsv"},
        microphone=True,
        trains=True,
    ),
    "docs/vibration.md": Need(trains=True),
    "docs/listening.md": Need(
        ("dogs.stapes", "house.stapes", "yard.flac", "camera.wav", "stereo.pcm"), microphone=True
    ),
    "docs/home.md": Need(("house.stapes", "camera.wav", "evening.flac", "login.txt", "recordings"), brokers=True),
    "docs/months-of-recordings.md": Need(("pops.stapes", "season")),
    "docs/parts.md": Need(("pops.stapes",)),
    "docs/timing.md": Need(("pops.stapes", "yard.flac")),
    "docs/figures.md": Need(("dogs.stapes", "better-dogs.stapes", "recordings", "an-hour-without-events")),
    "docs/compiling.md": Need(("kws.tflite", "trained.tflite")),
    "docs/from-pytorch-and-onnx.md": Need(trains=True),
    "docs/backbone.md": Need(("cache/stapes/yamnet.h5",)),
    "docs/reference/c.md": Need(("dogs.stapes", "yard.pcm")),
    "docs/reference/python.md": Need(("dogs.stapes", "yard.flac", "yard.txt")),
}


def _pages_with_code() -> list[str]:
    return [
        str(page.relative_to(ROOT)) for page in PAGES if any(block.language != "text" for block in read_blocks(page))
    ]


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A sound server whose only microphone hears a tone, and is called USB Audio."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("needs Debian's pulseaudio")
    folder = tmp_path_factory.mktemp("pulse")
    (folder / "asound.conf").write_text('</usr/share/alsa/alsa.conf>\npcm."USB Audio" { type pulse }\n')
    server = VirtualMicrophone(folder)
    server.start("module-sine-source source_name=tone")
    yield server.environment | {"PULSE_SOURCE": "tone", "ALSA_CONFIG_PATH": str(folder / "asound.conf")}
    server.stop()


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What answers at mqtt://broker.local and, with the login of login.txt and ca.pem, at mqtts://broker.local."""
    authority = Authority(tmp_path / "authority")
    shutil.copy(authority.ca, tmp_path / "ca.pem")
    encrypted = Broker(tmp_path / "tls", {"mic": "secret"}, certificate=authority.certificate("broker"))
    plain = Broker(tmp_path / "plain").start()
    encrypted.start()
    yield {"BROKER_MQTT": f"127.0.0.1:{plain.port}", "BROKER_MQTTS": f"127.0.0.1:{encrypted.port}"}
    plain.stop()
    encrypted.stop()


@pytest.mark.slow
@pytest.mark.parametrize("name", _pages_with_code())
def test_every_block_of_the_page_runs(
    name: str, compiled_detector: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    need = NEEDS.get(name, Need())
    if need.trains:
        pytest.importorskip("tensorflow")
    fixtures = [name for name in ("microphone", "brokers") if getattr(need, name)]
    environment = {name: value for each in fixtures for name, value in request.getfixturevalue(each).items()}
    stage = Stage(tmp_path, compiled_detector, environment)
    stage.prepare(*need.names)
    for block in read_blocks(ROOT / name):
        if not block.not_run_because:
            stage.prepare(*(name for text, name in need.later.items() if text in block.text))
            stage.run(block)


def test_blocks_that_are_not_run_are_few_and_say_why() -> None:
    skipped = [block for page in PAGES for block in read_blocks(page) if block.not_run_because]
    assert [block.place.split(":")[0] for block in skipped if "test_other_frameworks.py" in block.not_run_because] == [
        "docs/from-pytorch-and-onnx.md"
    ] * 2
    others = [block.place for block in skipped if "test_other_frameworks.py" not in block.not_run_because]
    assert {place.split(":")[0] for place in others} <= {"README.md", "docs/months-of-recordings.md"}
    assert len(others) <= 2

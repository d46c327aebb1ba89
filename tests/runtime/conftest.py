"""The detector and the virtual microphone that tests of the runtime share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_microphone import VirtualMicrophone

from stapes.runtime.detector import Detector


@pytest.fixture
def detector(tiny_detector: Path) -> Detector:
    """A small detector of rumble and hiss."""
    return Detector.load(tiny_detector)


@pytest.fixture(scope="session")
def virtual_microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    """A private PulseAudio, which ends with the test session."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("needs Debian's pulseaudio")
    microphone = VirtualMicrophone(tmp_path_factory.mktemp("pulse"))
    microphone.start()
    yield microphone
    microphone.stop()


@pytest.fixture
def pulse(virtual_microphone: VirtualMicrophone, monkeypatch: pytest.MonkeyPatch) -> VirtualMicrophone:
    """The virtual microphone, to which the environment of this process points."""
    for name, value in virtual_microphone.environment.items():
        monkeypatch.setenv(name, value)
    return virtual_microphone

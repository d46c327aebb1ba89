"""The virtual microphone that every test of listening shares."""

import shutil
from collections.abc import Iterator

import pytest
from virtual_microphone import VirtualMicrophone


@pytest.fixture(scope="session")
def virtual_microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    """A PulseAudio of our own, ended with the session."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("needs Debian's pulseaudio")
    microphone = VirtualMicrophone(tmp_path_factory.mktemp("pulse"))
    microphone.start()
    yield microphone
    microphone.stop()


@pytest.fixture
def pulse(virtual_microphone: VirtualMicrophone, monkeypatch: pytest.MonkeyPatch) -> VirtualMicrophone:
    """The virtual microphone, with this process's environment leading to it."""
    for name, value in virtual_microphone.environment.items():
        monkeypatch.setenv(name, value)
    return virtual_microphone

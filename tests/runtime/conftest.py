"""The virtual microphone that all tests of listening share."""

import shutil
from collections.abc import Iterator

import pytest
from virtual_microphone import VirtualMicrophone


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

"""A microphone that plays what the test writes: a private PulseAudio with a pipe as its only source."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_microphone import VirtualMicrophone


@pytest.fixture(scope="session")
def virtual_microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    """A PulseAudio of our own, ended with the session; the environment variables lead PortAudio to it."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("needs Debian's pulseaudio")
    run = tmp_path_factory.mktemp("pulse")
    run.chmod(0o700)
    environment = {
        "PULSE_RUNTIME_PATH": str(run),
        "PULSE_STATE_PATH": str(run),
        "PULSE_COOKIE": str(run / "cookie"),
        "PULSE_SERVER": f"unix:{run}/native",
        "PULSE_SOURCE": "mic",
    }
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes", "--use-pid-file=no"]
    modules = [
        f"module-native-protocol-unix socket={run}/native auth-anonymous=1",
        f"module-pipe-source source_name=mic file={run}/mic.fifo format=s16le rate=16000 channels=1",
    ]
    with (run / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *(word for module in modules for word in ("-L", module))],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for([run / "native", run / "mic.fifo"], server, run / "log")
            yield VirtualMicrophone(run / "mic.fifo", environment)
        finally:
            server.terminate()
            server.wait(10)


def _wait_for(paths: list[Path], server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while not all(path.exists() for path in paths):
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.fixture
def pulse(virtual_microphone: VirtualMicrophone, monkeypatch: pytest.MonkeyPatch) -> VirtualMicrophone:
    """The virtual microphone, with this process's environment leading to it."""
    for name, value in virtual_microphone.environment.items():
        monkeypatch.setenv(name, value)
    return virtual_microphone

"""A microphone that plays what the test writes: a private PulseAudio with a pipe as its only source."""

import os
import subprocess
import threading
import time
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE, BLOCK = 16_000, 160


class VirtualMicrophone:
    """A mono microphone at 16 kHz, in real time; with the variables in `environment`, PortAudio records from it.

    PulseAudio discards sound until a program records, so silence is played first, until the recording program sets
    `hearing`. The silence that is lost shifts the recording by a whole number of samples and does nothing else. Silence
    is played last as well, because PortAudio delivers whole buffers only.
    """

    def __init__(self, run: Path) -> None:
        run.chmod(0o700)
        self._run = run
        self.environment = {
            "PULSE_RUNTIME_PATH": str(run),
            "PULSE_STATE_PATH": str(run),
            "PULSE_COOKIE": str(run / "cookie"),
            "PULSE_SERVER": f"unix:{run}/native",
            "PULSE_SOURCE": "mic",
        }

    def start(self, *more_modules: str) -> None:
        """Start the sound server with the microphone."""
        paths = [self._run / "native", self._run / "mic.fifo"]
        for path in paths:
            path.unlink(missing_ok=True)
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        command += ["--use-pid-file=no", "-L", f"module-native-protocol-unix socket={paths[0]} auth-anonymous=1"]
        command += ["-L", f"module-pipe-source source_name=mic file={paths[1]} format=s16le rate={RATE} channels=1"]
        command += [word for module in more_modules for word in ("-L", module)]
        with (self._run / "log").open("wb") as log:
            self._server = subprocess.Popen(command, env=os.environ | self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not all(path.exists() for path in paths):
            assert self._server.poll() is None, (self._run / "log").read_text()
            assert time.monotonic() < deadline, (self._run / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the sound server, as if the microphone were unplugged."""
        self._server.kill()
        self._server.wait(10)

    def control(self, *words: str) -> str:
        """Run pactl with these words; return what it prints."""
        command = ["pactl", *words]
        return subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, check=True
        ).stdout

    def play(self, pcm: NDArray[np.int16], hearing: threading.Event) -> threading.Thread:
        """Play int16[samples] in a new thread; it waits with silence until `hearing` is set."""
        thread = threading.Thread(target=self._play, args=(pcm, hearing))
        thread.start()
        return thread

    def _play(self, pcm: NDArray[np.int16], hearing: threading.Event) -> None:
        started, samples = time.monotonic(), 0
        with (self._run / "mic.fifo").open("wb", buffering=0) as pipe:
            while not hearing.is_set():
                assert samples < 30 * RATE, "no program recorded from the microphone within 30 s"
                samples += self._write(pipe, np.zeros(BLOCK, np.int16), started, samples)
            played = np.concatenate([pcm, np.zeros(RATE // 2, np.int16)])
            for at in range(0, len(played), BLOCK):
                samples += self._write(pipe, played[at : at + BLOCK], started, samples)

    def _write(self, pipe: FileIO, block: NDArray[np.int16], started: float, samples: int) -> int:
        time.sleep(max(0.0, started + samples / RATE - time.monotonic()))
        pipe.write(block.tobytes())
        return len(block)

"""ESPHome in its own environment: its validation, its generated code, and programs for its host platform.

ESPHome builds programs with PlatformIO, which downloads tools. Here g++ compiles the sources that it generates.
"""

import os
import re
import shlex
import shutil
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stapes.convert.export.layouts import layout
from stapes.convert.export.library import Library, gather

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / "build" / "esphome-venv"
OWN_COMPONENTS = ROOT / "tests" / "convert" / "esphome_components"
BLOCK = 1280  # samples in each call of loop(), which comes every 16 ms: five times as fast as the sound at 16 kHz
LOOPS = 80  # calls of loop() after the last block, in which sensors are published

# ON_BOOT is a lambda. Options of `stapes:`, and then other components, follow.
CONFIGURATION = """
esphome:
  name: listener
  on_boot:
    priority: -200
    then:
      - lambda: |-
ON_BOOT
host:
logger:
external_components:
  - source: components
  - source: host
microphone:
  - platform: played
    id: played_microphone
    sample_rate: 16000
stapes:
  id: detector
  microphone: played_microphone
  update_interval: 500ms
"""

# A lambda for programs of loadable detectors: loads the model of the file BLOB, if there is one.
LOAD_BLOB = """
static uint32_t blob[65536];
if (const char *path = getenv("BLOB")) {
  id(detector).load(blob, fread(blob, 1, sizeof blob, fopen(path, "rb")));
}
"""

# ESPHome's component `audio` is for the ESP32 alone, because it decodes files. What a microphone needs is portable.
AUDIO_ON_THE_HOST = """

AUTO_LOAD = []
CONFIG_SCHEMA = cv.Schema({})


async def to_code(config):
    pass
"""


def require_esphome() -> None:
    """Skip the test where scripts/esphome-venv could not install ESPHome."""
    if not (VENV / "stapes-stamp").is_file():
        pytest.skip("needs ESPHome in build/esphome-venv: run scripts/esphome-venv, which needs the package index")


def esphome(command: str, configuration: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of ESPHome on a configuration, in its folder and without the modules of this environment."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [VENV / "bin" / "esphome", *command.split(), configuration.name]
    return subprocess.run(words, cwd=configuration.parent, env=environment, capture_output=True, text=True, timeout=120)


def quick_library(detector: Path, *, loadable: bool = False) -> Library:
    """Return the C of a compiled detector in one file, without figures of its cost, which take long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "which", lambda name: None)
        return gather(detector, single_file=True, loadable=loadable)


def write_export(library: Library, out: Path) -> Path:
    """Write what `stapes export --as esphome` writes, and the secrets of its examples, into a folder; return it."""
    for path, text in layout("esphome").files(library).items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8")
    (out / "secrets.yaml").write_text("wifi_ssid: home\nwifi_password: not-a-secret\n")
    return out


def write_host_components(folder: Path) -> None:
    """Write the test's microphone, and ESPHome's `audio` without what only the ESP32 has, into a folder."""
    shutil.copytree(OWN_COMPONENTS, folder, dirs_exist_ok=True)
    (audio,) = VENV.glob("lib/python3*/site-packages/esphome/components/audio")
    shutil.copytree(audio, folder / "audio", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "audio" / "__init__.py").open("a", encoding="utf-8") as own:
        own.write(AUDIO_ON_THE_HOST)


@dataclass(frozen=True)
class HostProgram:
    """A program for ESPHome's host platform, compiled from the code that ESPHome generated."""

    path: Path

    @classmethod
    def build(cls, root: Path, on_boot: str, options: str) -> "HostProgram":
        """Generate and compile the program of CONFIGURATION, to which `options` are added, in an exported folder."""
        write_host_components(root / "host")
        configuration = root / "host.yaml"
        lambda_body = textwrap.indent(on_boot.strip(), " " * 10)
        configuration.write_text(CONFIGURATION.replace("ON_BOOT", lambda_body) + options.lstrip("\n"))
        done = esphome("compile --only-generate", configuration)
        assert done.returncode == 0, done.stdout + done.stderr
        project = root / ".esphome" / "build" / "listener"
        flags = re.search(r"^build_flags =\n((?:[ \t]+.*\n)+)", (project / "platformio.ini").read_text(), re.MULTILINE)
        assert flags is not None
        words = [word for word in shlex.split(flags[1]) if word.startswith(("-D", "-f", "-std"))]
        (project / "Makefile").write_text(_makefile(project / "src", words))
        subprocess.run(["make", "--silent", "-j2", "-C", project], check=True, timeout=600)
        return cls(project / "program")

    def play(
        self, pcm: NDArray[np.int16], home: Path, first_block: int = BLOCK, environment: dict[str, str] | None = None
    ) -> list[str]:
        """Play samples, int16[samples], BLOCK of them in each loop; return the lines that the program prints.

        home: where ESPHome keeps what survives a restart. first_block: samples that come at once in the beginning.
        """
        recording = home / "played.raw"
        pcm.astype("<i2").tofile(recording)
        settings = {"PLAYED_FILE": str(recording), "PLAYED_FIRST_BLOCK": str(first_block), "PLAYED_BLOCK": str(BLOCK)}
        done = subprocess.run(
            [self.path],
            env=os.environ | settings | {"PLAYED_LOOPS": str(LOOPS), "HOME": str(home)} | (environment or {}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()


def _makefile(sources: Path, flags: list[str]) -> str:
    """Return a Makefile that compiles all sources below a folder: a detector's C as C99, all else as ESPHome says.

    The headers are compiled once for all files, which halves the time. The test's microphone defines micros(), by
    which loop() ends its work: what a call of it does must not depend on how fast this machine is.
    """
    cpp, c = (
        " ".join(f"{path.relative_to(sources.parent)}.o" for path in sorted(sources.rglob(f"*{suffix}")))
        for suffix in (".cpp", ".c")
    )
    compiler = f"g++ -O0 -Isrc {shlex.join(flags)}"
    return (
        f"program: {cpp} {c}\n\tg++ $^ -o $@ -lpthread -Wl,--wrap=_ZN7esphome6microsEv\n"
        f"{cpp}: headers.h.gch\n"
        f"headers.h.gch:\n\techo '#include \"esphome.h\"' > headers.h && {compiler} -x c++-header headers.h -o $@\n"
        f"%.cpp.o: %.cpp\n\t{compiler} -include headers.h -c $< -o $@\n"
        "%.c.o: %.c\n\tgcc -std=c99 -O1 -Wall -Wextra -Wpedantic -Werror -c $< -o $@\n"
    )

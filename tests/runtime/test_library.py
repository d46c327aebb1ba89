"""stapes as a library: it is quick to import, and the examples in its documentation work."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from played import Played, blocks
from tiny_detector import noise_bursts, write_tiny_detector

from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.runtime.detector import Detector

ROOT = Path(__file__).resolve().parents[2]


def test_importing_the_detector_adds_a_tenth_of_a_second_to_numpys_own_and_no_training_stack() -> None:
    """With NumPy it is below 0.3 s on an idle machine. NumPy's part is not counted, because it grows with the load."""
    code = (
        "import time, numpy; before = time.process_time()\n"
        "from stapes.runtime.detector import Detector\n"
        "took = time.process_time() - before\n"
        "heavy = {'tensorflow', 'tf_keras', 'librosa', 'ai_edge_litert', 'scipy', 'aiohttp', 'rich', 'pyaudio'}\n"
        "import sys; print(took, sorted(heavy & set(sys.modules)))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split(" ", 1)
        for _ in range(3)
    ]
    assert [loaded.strip() for _, loaded in runs] == ["[]"] * 3
    assert min(float(took) for took, _ in runs) < 0.1


def test_the_package_itself_loads_nothing_before_it_is_used() -> None:
    code = (
        "import sys, stapes.runtime; assert 'numpy' not in sys.modules; from stapes.runtime import Detector, Event\n"
        "import stapes.runtime.detector as home; assert Detector is home.Detector; print(*stapes.runtime.__all__)\n"
        "assert not hasattr(stapes.runtime, 'nonsense')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "AudioFile Detector Event probability read_audio\n"


def test_the_example_in_the_documentation_of_the_package_works(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import soundfile

    import stapes.runtime

    pcm = noise_bursts(2.0, [(0.5, 1.0, "hiss")])
    soundfile.write(tmp_path / "hall.flac", pcm, 16_000)
    assert stapes.runtime.__doc__ is not None
    lines = [line[4:] for line in stapes.runtime.__doc__.splitlines() if line.startswith("    ")]
    code = "\n".join(lines).replace("pops.stapes", str(tiny_detector)).replace("hall.flac", str(tmp_path / "hall.flac"))
    known: dict[str, object] = {"pcm": pcm, "blocks": np.split(pcm, 100)}
    exec(code, known)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[2] == "hiss"
    assert printed[1:] == ["hiss begins", "hiss ends"]
    assert known["probabilities"].shape == (62 + 1, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["load", "scores", "detect", "stream", "push", "hear", "flush", "gap", "reset"])
def test_every_method_of_the_detector_is_documented_and_typed(name: str) -> None:
    method = getattr(Detector, name)
    assert method.__doc__
    assert "return" in method.__annotations__


def test_a_detector_for_another_rate_hears_a_microphone_of_any_rate(tmp_path: Path) -> None:
    """An 8 kHz detector and a 48 kHz microphone."""
    config = FrontendConfig(sample_rate_hz=8_000, n_fft=256, window_samples=256, hop_samples=128, f_max_hz=3_900.0)
    detector = Detector.load(write_tiny_detector(tmp_path / "slow.stapes", config).path)
    pcm = noise_bursts(3.0, [(1.0, 1.6, "rumble")], rate=48_000)
    events = [event for update in _listen(detector, pcm, 48_000) for event in update.events if event.offset_sample]
    assert [event.label for event in events][:1] == ["rumble"]
    assert events[0].onset == pytest.approx(1.0, abs=0.15)


def _listen(detector: Detector, pcm: np.ndarray, rate_hz: int) -> list:
    from stapes.runtime.live.listen import listen

    return list(listen(detector, Played(rate_hz, blocks(pcm, 960)), lambda: False))


def test_the_sink_in_the_documents_works_unchanged(
    tiny_detector: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks_of_page = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "listening.md").read_text(), re.DOTALL)
    (code,) = (block for block in blocks_of_page if "def write(self, record)" in block)
    pcm = noise_bursts(2.0, [(0.5, 1.0, "hiss")])
    monkeypatch.setattr("stapes.runtime.live.reconnect.Reconnecting", lambda _connect: Played(16_000, blocks(pcm, 320)))
    code = code.replace('"house.stapes"', repr(str(tiny_detector))).replace('"doorbell"', '"hiss"')
    exec(code, {})
    assert capsys.readouterr().out == "somebody is at the door\n"


def test_the_example_of_a_service_is_one_that_systemd_accepts(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = ROOT / "docs" / "stapes-listen.service"
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr

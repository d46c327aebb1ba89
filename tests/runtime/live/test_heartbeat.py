"""`--heartbeat`: the age of a file says for how long nothing was heard."""

from pathlib import Path

import numpy as np
import pytest

from stapes.firmware_sim.errors import OutputError
from stapes.runtime.detector import DetectorOutput
from stapes.runtime.live import heartbeat
from stapes.runtime.live.heartbeat import Heartbeat
from stapes.runtime.live.listen import Update
from stapes.runtime.live.source import Gap
from stapes.runtime.main import main

NOTHING = DetectorOutput(np.zeros((0, 40), np.int8), np.zeros((0, 2), np.int8), [])
SOUND = Update(0, 160, np.zeros(160, np.int16), NOTHING)  # silence is sound that was heard
GAP = Update(160, 320, np.zeros(0, np.int16), NOTHING, gap=Gap(160, 16_000, "microphone away"))


@pytest.fixture
def clock_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the heartbeat sees, in a list so that a test can change it."""
    now = [100.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    return now


def test_the_file_is_there_once_sound_was_heard_and_not_before(tmp_path: Path, clock_s: list[float]) -> None:
    path = tmp_path / "heartbeat"
    path.touch()  # by an earlier run, which would look alive
    beats = Heartbeat(path)
    assert not path.exists()
    beats.update(GAP, [])
    assert not path.exists()
    beats.update(SOUND, [])
    assert path.exists()


def test_the_file_is_touched_once_a_second_and_not_in_a_gap(tmp_path: Path, clock_s: list[float]) -> None:
    path = tmp_path / "heartbeat"
    beats = Heartbeat(path)

    def is_touched(update: Update, after_s: float) -> bool:
        path.unlink(missing_ok=True)
        clock_s[0] += after_s
        beats.update(update, [])
        return path.exists()

    assert [is_touched(SOUND, 1.0), is_touched(SOUND, 0.9), is_touched(SOUND, 0.2)] == [True, False, True]
    assert [is_touched(GAP, 5.0), is_touched(SOUND, 0.0)] == [False, True]


def test_a_file_that_cannot_be_written_is_an_error_at_the_start_and_a_warning_later(
    tmp_path: Path, clock_s: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(OutputError, match=r"cannot be written .*name another file with --heartbeat"):
        Heartbeat(tmp_path / "none" / "heartbeat")
    folder = tmp_path / "there"
    folder.mkdir()
    beats = Heartbeat(folder / "heartbeat")
    folder.rmdir()
    for _ in range(3):
        beats.update(SOUND, [])
        clock_s[0] += 20
    assert caplog.text.count("listening goes on") == 1


def test_a_file_with_content_is_not_taken_for_a_heartbeat_of_an_earlier_run(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("{}\n")
    with pytest.raises(OutputError, match="a heartbeat is an empty file"):
        Heartbeat(path)
    assert path.read_text() == "{}\n"


def test_the_command_refuses_a_folder_as_its_heartbeat(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sound.pcm").write_bytes(bytes(3200))
    with (tmp_path / "sound.pcm").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert main(["listen", str(tiny_detector), "-", "--heartbeat", str(tmp_path)]) == 1
    assert "name another --heartbeat" in capsys.readouterr().err

"""Recordings that arrive byte by byte: whole and sound, or not at all, and never in the place of another."""

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.firmware_sim.errors import AudioError, ConfigError, OutputError
from stapes.train.data import incoming
from stapes.train.data.dataset import inspect_dataset
from stapes.train.data.incoming import Added, IncomingRecording, recording_name, session_name


def _sound(seconds: float = 0.5, seed: int = 0, kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.05, round(seconds * 16_000)).astype(np.float32)
    soundfile.write(file, noise, 16_000, format=kind)
    return file.getvalue()


def _add(dataset: Path, name: str, sound: bytes, session: str = "kitchen") -> Added:
    with IncomingRecording(dataset, name, session) as received:
        for at in range(0, len(sound), 1000):
            received.write(sound[at : at + 1000])
        return received.finish()


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "kind"), [("door.wav", "WAV"), ("door.flac", "FLAC"), ("door.ogg", "OGG")])
def test_a_recording_lies_in_the_folder_of_its_session_byte_for_byte(tmp_path: Path, name: str, kind: str) -> None:
    sound = _sound(kind=kind)
    assert _add(tmp_path, name, sound) == Added(f"kitchen/{name}", is_new=True)
    assert (tmp_path / "kitchen" / name).read_bytes() == sound
    assert _files(tmp_path) == {f"kitchen/{name}"}


def test_a_name_that_is_taken_gets_a_number_also_in_another_folder_or_by_a_track(tmp_path: Path) -> None:
    """The referee is the dataset's reader: with equal stems it could not tell whose a label track is."""
    _add(tmp_path, "door.wav", _sound(seed=1))
    (tmp_path / "kitchen" / "door.txt").write_text("0.1\t0.2\tknock\n")
    (tmp_path / "kitchen" / "door-2.txt").write_text("0.1\t0.2\tknock\n")
    assert _add(tmp_path, "DOOR.flac", _sound(seed=2, kind="FLAC"), "hall").recording == "hall/DOOR-3.flac"
    assert (tmp_path / "kitchen" / "door.wav").read_bytes() == _sound(seed=1)
    dataset, errors = inspect_dataset(tmp_path)
    assert not errors
    assert [each.name for each in dataset.recordings] == ["kitchen/door.wav"]


def test_the_same_recording_is_kept_once(tmp_path: Path) -> None:
    _add(tmp_path, "door.wav", _sound())
    assert _add(tmp_path, "other.wav", _sound(), "hall") == Added("kitchen/door.wav", is_new=False)
    assert _files(tmp_path) == {"kitchen/door.wav"}
    assert not (tmp_path / "hall").exists()


def test_where_a_folder_train_is_new_recordings_are_for_training(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    assert _add(tmp_path, "door.wav", _sound()).recording == "train/kitchen/door.wav"


def test_what_a_table_of_labels_means_for_a_new_recording_is_said(tmp_path: Path) -> None:
    """The referee is the dataset's reader, for which a recording that the table does not name is free of events."""
    (tmp_path / "labels.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    assert _add(tmp_path, "door.wav", _sound()).note.startswith("Until it is labelled it counts as free of events")
    [recording] = inspect_dataset(tmp_path)[0].recordings
    assert recording.annotations == ()


def test_recordings_that_arrive_at_once_get_names_of_their_own(tmp_path: Path) -> None:
    kinds = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG", "aiff": "AIFF"}
    with ThreadPoolExecutor(8) as pool:
        sounds = [(f"door.{suffix}", _sound(seed=seed, kind=kinds[suffix])) for suffix in kinds for seed in range(4)]
        added = list(pool.map(lambda sound: _add(tmp_path, *sound), sounds))
    assert len({Path(each.recording).stem for each in added}) == 16


@pytest.mark.parametrize(
    ("name", "sound", "why"),
    [
        ("a.wav", b"", "the file is empty"),
        ("a.wav", b"<html>no such file</html>", "it is a text that begins with"),
        ("a.wav", _sound()[:3000], "cut off|missing|part"),
        ("a.flac", _sound(kind="FLAC")[:5000], "a.flac"),
        ("a.wav", _sound(0.0), "contains no samples"),
        ("a.mp3", np.random.default_rng(0).bytes(5000), "cannot be read as audio"),
    ],
)
def test_what_cannot_be_decoded_to_its_end_is_refused_and_leaves_nothing(
    tmp_path: Path, name: str, sound: bytes, why: str
) -> None:
    with pytest.raises(AudioError, match=why) as refused:
        _add(tmp_path, name, sound)
    assert str(refused.value).startswith(f"{name}: ")
    assert ".incoming" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_larger_than_allowed_is_refused_while_it_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "LARGEST_BYTES", 5000)
    with pytest.raises(AudioError, match="larger than"):
        _add(tmp_path, "a.wav", _sound())
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with IncomingRecording(tmp_path, "a.wav", "kitchen") as received:
        received.write(_sound()[:1000])
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_a_killed_program_are_no_recordings_and_are_removed_after_an_hour(tmp_path: Path) -> None:
    (tmp_path / "kitchen").mkdir()
    old, young = (tmp_path / "kitchen" / f".incoming-{name}.wav" for name in ("old", "young"))
    for draft, age_s in ((old, 4000), (young, 100)):
        draft.write_bytes(_sound()[:1000])
        os.utime(draft, (time.time() - age_s,) * 2)
    _add(tmp_path, "a.wav", _sound())
    assert _files(tmp_path) == {"kitchen/a.wav", "kitchen/.incoming-young.wav"}
    (tmp_path / "kitchen" / "a.txt").write_text("")
    assert inspect_dataset(tmp_path)[1] == []


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("door.wav", "door.wav"),
        ("../../etc/door.wav", "door.wav"),
        ("C:\\fakepath\\door.WAV", "door.WAV"),
        ("...hidden.wav", "hidden.wav"),
        ("Tür auf.flac", "Tür auf.flac"),
        ("Tu\u0308r.wav", "T\u00fcr.wav"),  # the form that a Mac sends
        ("a\tb\nc\x00d\u202ee.wav", "a b c d e.wav"),
        ("a<b>:c|d?*.wav", "a_b__c_d__.wav"),
        ("<img src=x onerror=alert(1)>.wav", "_img src=x onerror=alert(1)_.wav"),
        ("\udcff.wav", "_.wav"),
        ("ä" * 300 + ".wav", "ä" * 60 + ".wav"),
    ],
)
def test_names_from_elsewhere_become_safe_names(given: str, safe: str) -> None:
    assert recording_name(given) == safe


@pytest.mark.parametrize("name", ["", "..", "notes.txt", "labels.tsv", ".wav", "a.m4a", "wav", "a.wav/", "a.exe"])
def test_what_is_not_the_name_of_a_recording_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="stapes reads WAV"):
        IncomingRecording(tmp_path, name, "kitchen")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("session", ["", "..", " . ", "test", "Train", "val"])
def test_sessions_are_named_and_are_no_splits(session: str) -> None:
    with pytest.raises(ConfigError, match="such as kitchen"):
        session_name(session)


def test_a_session_stays_below_the_dataset(tmp_path: Path) -> None:
    assert _add(tmp_path / "data", "a.wav", _sound(), "../../tmp").recording == "_.._tmp/a.wav"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "kitchen").write_text("a file")
    with pytest.raises(OutputError, match=r"kitchen/a\.wav: cannot be written"):
        IncomingRecording(tmp_path, "a.wav", "kitchen")

"""`--record`: the clips of events and near misses, what is told about them, and what is left out."""

import errno
import json
import re
import threading
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
from played import Played, blocks
from records import RecordList
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import EventConfig, EventDecoder, completed
from stapes.runtime.audio import InputSettings
from stapes.runtime.detector import Detector, DetectorOutput
from stapes.runtime.labels import read_audacity
from stapes.runtime.live import clips
from stapes.runtime.live.clip_files import clip_name
from stapes.runtime.live.clips import ClipRecorder, ClipSettings
from stapes.runtime.live.listen import Update
from stapes.runtime.live.near_misses import NearMisses
from stapes.runtime.live.session import Outputs, run
from stapes.runtime.live.sinks.record import Record
from stapes.runtime.live.source import Block, Gap

DEAF = -24  # steps of sensitivity with which the tiny detector hears no burst


def make_deaf(detector: Detector) -> None:
    for label in detector.classes:
        detector.set_sensitivity(label, DEAF)


def _listened(detector: Detector, source: Played, recorder: ClipRecorder) -> list[Record]:
    sink = RecordList()
    run(detector, source, Outputs([sink], [recorder]), threading.Event(), InputSettings())
    return sink.records


def _recorded(detector: Detector, items: Sequence[Block | Gap], settings: ClipSettings) -> list[Record]:
    source = Played(16_000, items)
    return _listened(detector, source, ClipRecorder(settings, detector, source))


def _descriptions(folder: Path) -> list[dict]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def test_a_clip_holds_the_event_with_its_rolls_sample_for_sample(detector: Detector, tmp_path: Path) -> None:
    pcm = noise_bursts(6.0, [(0.3, 0.8, "hiss"), (2.0, 3.0, "rumble"), (5.2, 5.7, "hiss")])
    records = _recorded(detector, blocks(pcm, 320), ClipSettings(tmp_path / "clips", 0.5, 0.75))
    assert len(records) == 3
    for record in records:
        clip, rate = soundfile.read(tmp_path / "clips" / clip_name(record), dtype="int16")
        first = max(0, record.onset_sample - 8_000)
        assert rate == 16_000
        assert np.array_equal(clip, pcm[first : min(len(pcm), record.offset_sample + 12_000)])
    assert len(list((tmp_path / "clips").glob("*.flac"))) == len(list((tmp_path / "clips").glob("*.txt"))) == 3


def test_a_clip_over_a_gap_is_silent_there(detector: Detector, tmp_path: Path) -> None:
    pcm = noise_bursts(4.0, [(1.0, 3.0, "rumble")])
    items = blocks(pcm, 320)
    items[75:100] = [Gap(25 * 320, 16_000, "overrun")]
    records = _recorded(detector, items, ClipSettings(tmp_path))
    before = next(record for record in records if record.kind == "event")
    clip, _ = soundfile.read(tmp_path / clip_name(before), dtype="int16")
    first = max(0, before.onset_sample - 16_000)
    assert not clip[24_000 - first : 32_000 - first].any()
    assert clip[: 24_000 - first].any()


def test_a_clip_in_front_of_a_long_gap_holds_its_sound(detector: Detector, tmp_path: Path) -> None:
    pcm = noise_bursts(2.0, [(1.0, 2.0, "rumble")])  # the microphone is lost in the middle of an event
    items = [*blocks(pcm, 320), Gap(0, 16_000, "microphone lost"), Gap(300 * 16_000, 16_000, "microphone away")]
    event = _recorded(detector, [*items, *blocks(noise_bursts(1.0, []), 320)], ClipSettings(tmp_path))[0]
    clip, _ = soundfile.read(tmp_path / clip_name(event), dtype="int16")
    assert np.array_equal(clip, pcm[max(0, event.onset_sample - 16_000) :])


def test_clips_of_two_recordings_in_one_folder_do_not_replace_each_other(detector: Detector, tmp_path: Path) -> None:
    items = blocks(noise_bursts(3.0, [(1.0, 1.5, "hiss")]), 320)
    names = set()
    for _ in range(2):
        source = Played(16_000, items)
        source.is_live = False
        [record] = _listened(detector, source, ClipRecorder(ClipSettings(tmp_path), detector, source))
        names.add(clip_name(record))
    assert {path.name for path in tmp_path.glob("*.flac")} == names
    assert len(names) == 2
    for name in names:
        assert re.fullmatch(rf"{record.onset:010.3f}s_[0-9a-f]{{8}}_hiss_{record.onset_sample}\.flac", name)


def test_on_a_full_disk_clips_are_dropped_and_events_are_kept(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(clips.shutil, "disk_usage", lambda _: usage)
    pcm = noise_bursts(4.0, [(0.5, 1.0, "hiss"), (2.5, 3.0, "rumble")])
    source = Played(16_000, blocks(pcm, 320))
    recorder = ClipRecorder(ClipSettings(tmp_path), detector, source)
    assert len(_listened(detector, source, recorder)) == 2
    assert recorder.dropped == 2
    assert list(tmp_path.iterdir()) == []
    assert caplog.text.count("a clip was not written (less than 64 MB free") == 1


def test_a_folder_that_a_full_disk_keeps_from_being_made_is_made_with_the_first_clip(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "clips"
    source = Played(16_000, blocks(noise_bursts(3.0, [(1.0, 2.0, "hiss")]), 320))
    with monkeypatch.context() as full:
        full.setattr(Path, "mkdir", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
        recorder = ClipRecorder(ClipSettings(folder), detector, source)
    assert not folder.exists()
    records = _listened(detector, source, recorder)
    assert [path.name for path in folder.glob("*.flac")] == [clip_name(records[0])]


def test_a_recorder_keeps_a_minute_and_no_more(detector: Detector, tmp_path: Path) -> None:
    recorder = ClipRecorder(ClipSettings(tmp_path), detector, Played(16_000, []))
    heard = DetectorOutput(np.zeros((0, 40), np.int8), np.zeros((0, 2), np.int8), [])
    for second in range(200):
        block = np.zeros(16_000, np.int16)
        recorder.update(Update(second * 16_000, (second + 1) * 16_000, block, heard), [])
    assert sum(len(pcm) for _, pcm in recorder._ring) <= 64 * 16_000


def _update(start: int, end: int, output: DetectorOutput, last: bool = False) -> Update:
    return Update(start, end, np.zeros(0, np.int16), output, last=last)


@pytest.mark.parametrize("block_steps", [1, 7, 400])
@pytest.mark.parametrize("seed", range(8))
def test_near_misses_are_what_a_higher_sensitivity_hears_and_the_detector_does_not(
    detector: Detector, block_steps: int, seed: int
) -> None:
    """The referee decodes all scores at once with both sensitivities and compares the intervals in plain Python."""
    random = np.random.default_rng(seed)
    config = EventConfig(
        on_score=int(random.integers(-20, 60)),
        off_score=-20 - int(random.integers(0, 60)),
        smoothing_steps=int(random.choice([1, 3, 5])),
        min_duration_steps=int(random.integers(1, 6)),
        merge_gap_steps=int(random.integers(0, 6)),
        max_duration_steps=int(random.choice([0, 12])),
    )
    folder = replace(detector.folder, events=(config, config))
    walk = np.cumsum(random.integers(-30, 31, (400, 2)), axis=0)
    scores = (np.abs(walk % 500 - 250) - 122).astype(np.int8)

    def decoder(steps: int) -> EventDecoder:
        made = EventDecoder(folder.classes, folder.events, folder.clock)
        for label in folder.classes:
            made.set_sensitivity(label, steps)
        return made

    def decoded(steps: int) -> list[tuple[str, int, int]]:
        once = decoder(steps)
        found = completed(once.push(scores) + once.flush())
        return [(event.label, event.onset_sample, event.offset_sample or 0) for event in found]

    events = decoded(0)
    expected = [
        near
        for near in decoded(4)
        if not any(near[0] == label and near[1] < offset and near[2] > onset for label, onset, offset in events)
    ]
    live, step = decoder(0), folder.clock.step_samples
    near_misses, found = NearMisses(Detector(folder, Mock()), 4), []
    for first in range(0, len(scores), block_steps):
        block, last = scores[first : first + block_steps], first + block_steps >= len(scores)
        heard = live.push(block) + (live.flush() if last else [])
        output = DetectorOutput(np.zeros((0, 40), np.int8), block, heard)
        found += near_misses.update(_update(first * step, (first + len(block)) * step, output, last))
    assert sorted((each.label, each.onset_sample, each.offset_sample) for each in found) == sorted(expected)


def test_some_of_the_random_scores_hold_near_misses(detector: Detector) -> None:
    """Without any, the test above could not fail."""
    near_misses = NearMisses(detector, 4)
    scores = np.full((20, 2), -128, np.int8)
    scores[5:12, 1] = -10  # below 0, the threshold, and above the score that four steps lead to
    output = DetectorOutput(np.zeros((0, 40), np.int8), scores, [])
    assert [event.label for event in near_misses.update(_update(0, 20 * 512, output, last=True))] == ["hiss"]


def test_a_near_miss_gets_a_clip_that_says_what_it_is_and_no_sink_hears_of_it(
    detector: Detector, tmp_path: Path
) -> None:
    pcm = noise_bursts(4.0, [(1.0, 1.5, "hiss")])
    [would_be] = detector.detect(pcm)
    make_deaf(detector)
    assert _recorded(detector, blocks(pcm, 320), ClipSettings(tmp_path, near_miss_steps=-DEAF)) == []
    [path] = tmp_path.glob("*.flac")
    assert re.fullmatch(rf"\d{{8}}T\d{{6}}\.\d{{3}}Z_hiss_{would_be.onset_sample}_near\.flac", path.name)
    sound, _ = soundfile.read(path, dtype="int16")
    first = max(0, would_be.onset_sample - 16_000)
    assert np.array_equal(sound, pcm[first : (would_be.offset_sample or 0) + 16_000])
    [label] = read_audacity(path.with_suffix(".txt"))
    assert label.label == "hiss?"
    assert label.onset == pytest.approx((would_be.onset_sample - first) / 16_000)
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert (told["kind"], told["label"], told["near_miss_labels"]) == ("near miss", "hiss", ["hiss?"])
    assert told["sensitivity"] == DEAF
    assert told["probability"] < told["threshold"] or told["threshold"] == 255 / 256
    assert told["detector"]["model_sha256"] == detector.folder.model_sha256


@pytest.mark.parametrize(("before_s", "clips_of"), [(0.6, ["hiss"]), (3.0, ["hiss", "rumble"])])
def test_a_near_miss_in_the_clip_of_an_event_is_told_there_and_has_none_of_its_own(
    detector: Detector, tmp_path: Path, before_s: float, clips_of: list[str]
) -> None:
    detector.set_sensitivity("rumble", DEAF)
    pcm = noise_bursts(8.0, [(5.0 - before_s, 5.3 - before_s, "rumble"), (5.0, 5.5, "hiss")])
    _recorded(detector, blocks(pcm, 320), ClipSettings(tmp_path, near_miss_steps=-DEAF))
    told = sorted(_descriptions(tmp_path), key=lambda each: each["label"])
    assert [each["label"] for each in told] == clips_of
    labels = {(each["kind"], each["label"]) for each in told[0]["heard"]}
    assert (("near miss", "rumble") in labels) == (len(clips_of) == 1)


def test_near_misses_are_left_out_on_request(detector: Detector, tmp_path: Path) -> None:
    make_deaf(detector)
    items = blocks(noise_bursts(3.0, [(1.0, 1.5, "hiss")]), 320)
    assert _recorded(detector, items, ClipSettings(tmp_path, near_miss_steps=0)) == []
    assert list(tmp_path.iterdir()) == []


def test_the_track_of_a_clip_holds_all_that_was_heard_in_it(detector: Detector, tmp_path: Path) -> None:
    """The second event begins within the clip of the first one and is longer than that clip."""
    pcm = noise_bursts(6.0, [(1.0, 1.5, "hiss"), (2.2, 4.0, "rumble")])
    first, second = detector.detect(pcm)
    _recorded(detector, blocks(pcm, 320), ClipSettings(tmp_path))
    [path] = tmp_path.glob("*_hiss_*.flac")
    length = soundfile.info(path).duration
    begin = max(0.0, first.onset - 1.0)
    assert [
        (each.label, round(each.onset, 3), round(each.offset, 3)) for each in read_audacity(path.with_suffix(".txt"))
    ] == [
        ("hiss", round(first.onset - begin, 3), round(first.offset - begin, 3)),
        ("rumble", round(second.onset - begin, 3), round(length, 3)),
    ]


def test_of_each_class_a_number_of_near_misses_in_an_hour_is_kept_and_the_rest_is_counted(
    detector: Detector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_deaf(detector)
    caplog.set_level("INFO")
    bursts = [(at, at + 0.5, "hiss") for at in (1.0, 3.0, 5.0)] + [(7.0, 7.5, "rumble")]
    items = [*blocks(noise_bursts(9.0, bursts), 320), Gap(3600 * 16_000, 16_000, "an hour later")]
    items += blocks(noise_bursts(3.0, bursts[:1]), 320)
    settings = ClipSettings(tmp_path, near_miss_steps=-DEAF, near_misses_per_hour=2)
    assert [record.kind for record in _recorded(detector, items, settings)] == ["gap"]
    kept = sorted(_descriptions(tmp_path), key=lambda each: each["first_sample"])
    assert [each["label"] for each in kept] == ["hiss", "hiss", "rumble", "hiss"]
    assert "near misses without a clip in this hour: 1 of hiss; --near-misses-per-hour keeps 2" in caplog.text


def test_the_files_of_a_clip_name_neither_the_microphone_nor_the_detectors_folder(
    detector: Detector, tmp_path: Path
) -> None:
    source = Played(16_000, blocks(noise_bursts(3.0, [(1.0, 2.0, "hiss")]), 320))
    source.name = "headset of Ada"
    _listened(detector, source, ClipRecorder(ClipSettings(tmp_path / "clips"), detector, source))
    written = sorted((tmp_path / "clips").iterdir())
    assert [path.suffix for path in written] == [".flac", ".json", ".txt"]
    for path in written:
        content = path.read_bytes()
        assert b"Ada" not in content
        assert detector.folder.path.name.encode() not in content
        assert str(tmp_path).encode() not in content


def test_a_label_with_a_tab_and_one_that_looks_like_a_near_miss_are_told_apart(
    detector: Detector, tmp_path: Path
) -> None:
    odd = Detector(replace(detector.folder, classes=("hiss?", "a\thiss")), detector._engine)
    make_deaf(odd)
    pcm = noise_bursts(5.0, [(1.0, 1.5, "hiss"), (3.0, 3.5, "rumble")])
    _recorded(odd, blocks(pcm, 320), ClipSettings(tmp_path, near_miss_steps=-DEAF))
    tracks = [[each.label for each in read_audacity(path)] for path in sorted(tmp_path.glob("*.txt"))]
    assert tracks == [["a hiss?"], ["hiss??"]]

"""`stapes adapt`: unlabelled hours from the place where a detector listens set its thresholds, never its weights."""

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

import stapes.train.judge.adaptation
from stapes.firmware_sim.device.events import SILENT, EventDecoder
from stapes.firmware_sim.device.folder import DetectorFolder, read_folder
from stapes.runtime.main import main
from stapes.train.data.background import open_unlabelled
from stapes.train.data.content import content_id
from stapes.train.judge.adaptation import SENSITIVITIES, Place, adapted, hear_place
from stapes.train.judge.choice import Verdict
from stapes.train.judge.overlap import content_ids


@pytest.fixture
def detector(tiny_detector: Path, tmp_path: Path) -> Path:
    """A copy of the tiny detector that tests may change."""
    return Path(shutil.copytree(tiny_detector, tmp_path / "tiny.stapes"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Ninety seconds in which `hiss` is detected twelve times, four of them weakly, and `rumble` never."""
    folder = tmp_path / "hallway"
    folder.mkdir()
    for index in range(2):
        bursts = [(start, start + 0.6, "hiss") for start in np.arange(2.0, 38.0, 6.0)]
        soundfile.write(folder / f"{index}.wav", noise_bursts(45.0, bursts, seed=index), 16_000)
    return folder


def detections(path: Path, place: Path, label: str) -> int:
    """What the runtime detects, which is the referee."""
    from stapes.runtime.detector import Detector

    heard = Detector.load(path)
    return sum(event.label == label for file in sorted(place.iterdir()) for event in heard.detect(file))


def test_without_a_limit_nothing_changes(detector: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (detector / "detector.json").read_bytes()
    assert main(["adapt", str(detector), "--recordings", str(place)]) == 0
    assert (detector / "detector.json").read_bytes() == before
    out = capsys.readouterr().out
    assert "0.03 hours" in out
    assert "Nothing was changed; give --alarms-per-hour" in out


def test_scores_here_stand_beside_those_of_val_without_the_events(
    detector: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The referee is NumPy on the scores of the runtime; a detector of an earlier version says none of val."""
    folder = read_folder(detector)
    replace(folder, scores=folder.scores | {"event_free": {"rumble": [-128, -100, -64, 0]}}).write()
    assert main(["adapt", str(detector), "--recordings", str(place)]) == 0
    rows = {line[:14].strip(): line[14:].split() for line in capsys.readouterr().out.splitlines()}
    assert rows["rumble, on val"] == ["0.00", "0.11", "0.25", "0.50", "0.50"]
    assert "hiss, on val" not in rows
    scores = np.concatenate(hear_place(folder, open_unlabelled([place])).scores)[:, folder.classes.index("hiss")]
    levels = np.quantile((scores.astype(float) + 128) / 256, [0.5, 0.99, 0.999, 1], method="higher")
    assert rows["hiss, here"] == [*(f"{level:.2f}" for level in levels), "0.50"]


def test_recordings_that_are_too_short_are_refused_before_they_are_heard(
    detector: Path, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stapes.train.judge.adaptation, "hear_place", None)
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "2"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "1.5 minutes cannot tell whether there are 2 alarms per hour: record at least 0.5 hours, or 1.2 hours" in said
    )
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "30"]) == 1
    assert "record at least 2.0 minutes, or 4.7 minutes to show it at 90 %" in " ".join(capsys.readouterr().err.split())


def test_thresholds_move_and_the_weights_stay(detector: Path, place: Path) -> None:
    model = (detector / "model.tflite").read_bytes()
    former = read_folder(detector)
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "2000"]) == 0
    now = read_folder(detector)
    assert (detector / "model.tflite").read_bytes() == model
    for old, new in zip(former.events, now.events, strict=True):
        assert new.on_score < old.on_score  # 2,000 per hour allow more than is detected
        assert (new.smoothing_steps, new.min_duration_steps) == (old.smoothing_steps, old.min_duration_steps)
    assert now.operating_point["sensitivity"] == {"rumble": 4, "hiss": 4}


def test_the_detector_then_keeps_the_limit(detector: Path, place: Path, tmp_path: Path) -> None:
    count = detections(detector, place, "hiss")
    out = tmp_path / "hallway.stapes"
    arguments = ["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "120", "--out", str(out)]
    assert main(arguments) == 0
    said = json.loads((out / "detector.json").read_text())["operating_point"]["alarms"]["hiss"]["alarms"]
    assert detections(out, place, "hiss") == said
    assert detections(detector, place, "hiss") == count  # the detector itself stays as it was


@pytest.mark.parametrize("per_hour", [40.0, 120.0, 400.0, 500.0, 900.0, 2000.0])
def test_the_most_sensitive_setting_within_the_limit_is_taken(detector: Path, place: Path, per_hour: float) -> None:
    folder = read_folder(detector)
    heard = hear_place(folder, open_unlabelled([place]))
    for each in adapted(folder, heard, per_hour):
        index = folder.classes.index(each.label)
        by_steps = {steps: rate_at(folder, place, index, steps) for steps in SENSITIVITIES}
        assert each.now.alarms == by_steps[each.sensitivity]
        most = per_hour * heard.hours
        shown = within({steps: at_most(alarms) for steps, alarms in by_steps.items()}, most)
        estimated = within({steps: alarms for steps, alarms in by_steps.items() if steps <= 0}, most)
        assert each.sensitivity == max([*shown, *estimated], default=SENSITIVITIES[-1])
        verdict = Verdict.SHOWN if each.sensitivity in shown else Verdict.ESTIMATED
        assert each.verdict == (verdict if estimated else Verdict.UNMET)


def within(by_steps: Mapping[int, float], most: float) -> list[int]:
    """Return the steps of sensitivity at which, as at all lower ones, there are at most so many alarms."""
    return [steps for steps in by_steps if all(by_steps[low] <= most for low in by_steps if low <= steps)]


def rate_at(folder: DetectorFolder, place: Path, index: int, steps: int) -> int:
    from stapes.runtime.detector import Detector

    heard = Detector.load(folder.path)
    heard.set_sensitivity(folder.classes[index], steps)
    found = [event for file in sorted(place.iterdir()) for event in heard.detect(file)]
    return sum(event.label == folder.classes[index] for event in found)


def at_most(alarms: int) -> float:
    """The 90 % upper limit of a Poisson mean: the value at which so few alarms have a probability of a tenth."""
    from scipy.optimize import brentq
    from scipy.stats import poisson

    return float(brentq(lambda mean: poisson.cdf(alarms, mean) - 0.1, 1e-9, 1e5))


def place_of_peaks(hours: float, **peaks: Sequence[int]) -> Place:
    """Return a place of so many hours, in which classes of the tiny detector are detected with these highest scores."""
    scores = np.full((50 * (1 + max(map(len, peaks.values()))), 2), -128, np.int8)
    for column, label in enumerate(("rumble", "hiss")):
        for number, peak in enumerate(peaks.get(label, ())):
            scores[50 * number : 50 * number + 20, column] = peak
    return Place((), (scores,), np.zeros(0), hours, 0.0)


def test_a_single_detection_in_hours_that_could_show_the_limit_makes_no_class_less_sensitive(detector: Path) -> None:
    """There are 9.2 per hour, and at most 35.6; a less sensitive hiss has none, and at most 21.1."""
    heard = place_of_peaks(0.109, rumble=[120], hiss=[10])
    found = {per_hour: adapted(read_folder(detector), heard, per_hour) for per_hour in (20, 22, 30)}
    assert {limit: [each.sensitivity for each in classes] for limit, classes in found.items()} == {
        20: [0, 0],
        22: [0, 0],
        30: [0, 0],
    }
    assert {each.verdict for classes in found.values() for each in classes} == {Verdict.ESTIMATED}
    assert [each.sensitivity for each in adapted(read_folder(detector), heard, 36)] == [4, 4]


@pytest.mark.parametrize("now", [4, 0, -3, -8])
def test_neither_a_larger_limit_nor_more_hours_at_the_same_rate_make_a_class_less_sensitive(
    detector: Path, now: int
) -> None:
    folder = moved(read_folder(detector), now)
    peaks = {"rumble": [120, 60, 10], "hiss": [*range(-60, 100, 9)]}
    chosen = np.array(
        [
            [
                [each.sensitivity for each in adapted(folder, several(place_of_peaks(0.1, **peaks), times), per_hour)]
                for per_hour in np.geomspace(9, 900, 40)
            ]
            for times in (1, 2, 5, 30)
        ]
    )
    assert (np.diff(chosen, axis=0) >= 0).all()
    assert (np.diff(chosen, axis=1) >= 0).all()
    assert (chosen.min(), chosen.max()) == (-8, 4)


def moved(folder: DetectorFolder, steps: int) -> DetectorFolder:
    """Return the detector as an adaptation by so many steps leaves it."""
    decoder = EventDecoder(folder.classes, folder.events, folder.clock)
    for label in folder.classes:
        decoder.set_sensitivity(label, steps)
    both = list(zip(folder.events, decoder.thresholds, strict=True))
    first = [{"on_score": one.on_score, "off_score": one.off_score} for one, _ in both]
    return replace(
        folder,
        events=tuple(replace(one, on_score=on, off_score=off) for one, (on, off) in both),
        operating_point={
            "before_adapt": dict(zip(folder.classes, first, strict=True)),
            "sensitivity": dict.fromkeys(folder.classes, steps),
        },
    )


def several(place: Place, times: int) -> Place:
    """Return a place in which the same is heard several times, in as many times the hours."""
    return replace(place, scores=place.scores * times, hours=place.hours * times)


def test_a_limit_that_is_kept_by_the_estimate_alone_is_told(
    detector: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adapt(detector, place, 500).operating_point["sensitivity"] == {"rumble": 4, "hiss": 0}
    said = " ".join(capsys.readouterr().err.split())
    assert "hiss: the limit is kept by the estimate; 500 false alarms per hour are not shown at 90%" in said
    assert "with 12 in 1.5 minutes there may be 711.3 per hour" in said
    assert "not kept" not in said
    assert "rumble" not in said


def adapt(detector: Path, place: Path, per_hour: float) -> DetectorFolder:
    """Adapt a detector in place, and return it."""
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", f"{per_hour:g}"]) == 0
    return read_folder(detector)


def test_the_limits_hold_however_often_a_detector_is_adapted(detector: Path, place: Path, tmp_path: Path) -> None:
    first = read_folder(detector).events
    loosest = adapt(detector, place, 2000)
    assert loosest.operating_point["sensitivity"] == {"rumble": 4, "hiss": 4}
    for _ in range(2):
        again = adapt(detector, place, 2000)
        assert (again.events, again.operating_point) == (loosest.events, loosest.operating_point)
    strictest = adapt(detector, place, 100)
    assert strictest.operating_point["sensitivity"]["hiss"] == -8
    assert adapt(detector, place, 100).events == strictest.events
    assert adapt(detector, place, 2000).events == loosest.events  # and not a rounding away from them
    kept = loosest.operating_point["before_adapt"]
    assert kept == {
        label: {"on_score": one.on_score, "off_score": one.off_score}
        for label, one in zip(loosest.classes, first, strict=True)
    }


def test_the_detections_before_are_those_of_the_former_adaptation(detector: Path, place: Path) -> None:
    adapt(detector, place, 2000)
    count = detections(detector, place, "hiss")
    folder = read_folder(detector)
    (hiss,) = (
        each for each in adapted(folder, hear_place(folder, open_unlabelled([place])), 100) if each.label == "hiss"
    )
    assert hiss.before.alarms == count


def test_limits_are_counted_from_thresholds_that_were_chosen_since(detector: Path, place: Path) -> None:
    moved = adapt(detector, place, 2000)
    chosen = replace(moved.events[0], on_score=50, off_score=20)
    replace(moved, events=(chosen, moved.events[1])).write()
    now = adapt(detector, place, 2000).operating_point
    assert now["before_adapt"]["rumble"] == {"on_score": 50, "off_score": 20}
    assert now["before_adapt"]["hiss"] == moved.operating_point["before_adapt"]["hiss"]


def test_too_few_hours_are_told_and_make_no_class_hear_more(
    detector: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = adapt(detector, place, 50)
    said = " ".join(capsys.readouterr().err.split())
    assert "50 false alarms per hour are not shown at 90%: 2.8 minutes without any alarm are needed; there are" in said
    assert "there are 1.5 minutes. No class is made more sensitive" in said
    assert now.operating_point["sensitivity"]["rumble"] == 0  # which is never detected there
    assert now.operating_point["sensitivity"]["hiss"] < 0
    adapt(detector, place, 2000)
    assert "are not shown" not in capsys.readouterr().err
    assert adapt(detector, place, 50).operating_point["sensitivity"]["rumble"] == 4  # it may stay as it is


def test_a_class_that_cannot_keep_the_limit_is_told_whole_commands(
    detector: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapt(detector, place, 100)
    said = " ".join(capsys.readouterr().err.split())
    assert "hiss: 100 detections per hour are not kept within two logits; train with hours without events" in said
    train, silence = (command.split() for command in said.split("`")[1::2])
    assert train[:3] + train[4:7] == ["stapes", "train", "recordings/", "quieter.stapes", "--from", str(detector)]
    assert train[3] == "--out"
    assert train[7:] == ["--background", "hours-without-events/"]
    assert silence == ["stapes", "tune", str(detector), "recordings/", "--silent", "hiss"]


def test_one_command_silences_all_classes_that_cannot_keep_the_limit_and_keeps_the_limits_of_tune(
    detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tune` forgets the limits and the silent classes that are not given again."""
    bursts = [(start, start + 0.6, label) for start, label in enumerate(["hiss", "rumble"] * 20, 2)]
    (tmp_path / "loud").mkdir()
    soundfile.write(tmp_path / "loud" / "0.wav", noise_bursts(90.0, bursts), 16_000)
    limits = {"false_alarms_per_hour": 2.0, "false_alarms_per_hour_of_class": {"hiss": 0.5}}
    replace(read_folder(detector), operating_point={"settings": limits}).write()
    adapt(detector, tmp_path / "loud", 100)
    (note,) = (line for line in capsys.readouterr().err.splitlines() if "are not kept" in line)
    assert note.startswith("note: rumble, hiss: 100 detections per hour are not kept within two logits;")
    assert "or silence them with" in note
    assert silencing(note, detector) == [
        *("--false-alarms-per-hour", "2", "--false-alarms-per-hour", "hiss=0.5"),
        *("--silent", "rumble", "--silent", "hiss"),
    ]


def test_the_command_that_silences_a_class_keeps_others_silent(
    detector: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = read_folder(detector)
    point = {"settings": {"silent": ["rumble"]}}
    replace(folder, events=(SILENT, folder.events[1]), operating_point=point).write()
    adapt(detector, place, 100)
    said = capsys.readouterr().err
    assert silencing(said, detector) == ["--silent", "rumble", "--silent", "hiss"]


def silencing(said: str, detector: Path) -> list[str]:
    """Return the options of the only command that silences classes."""
    (command,) = (words for words in map(shlex.split, said.split("`")[1::2]) if words[:2] == ["stapes", "tune"])
    assert command[2:4] == [str(detector), "recordings/"]
    return command[4:]


def test_recordings_of_constant_samples_are_named_and_left_out(
    detector: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = hear_place(read_folder(detector), open_unlabelled([place]))
    soundfile.write(place / "dead.wav", np.zeros(90 * 16_000, np.int16), 16_000)
    soundfile.write(place / "offset.wav", np.full((200 * 44_100, 2), 700, np.int16), 44_100)
    both = hear_place(read_folder(detector), open_unlabelled([place]))
    assert both.hours == alone.hours
    np.testing.assert_array_equal(both.background, alone.background)
    assert [each.path.name for each in both.recordings] == ["0.wav", "1.wav"]
    now = adapt(detector, place, 2000)
    assert set(content_ids(alone.recordings)) <= set(now.operating_point["recordings"])
    files = {content_id(place / name) for name in ("dead.wav", "offset.wav")}
    assert files.isdisjoint(now.operating_point["recordings"])
    said = " ".join(capsys.readouterr().err.split())
    named = f"{place / 'dead.wav'}, {place / 'offset.wav'}"
    assert f"2 of 4 recordings are left out, as all of their samples are the same: {named}" in said


@pytest.fixture
def muted_place(place: Path, tmp_path: Path) -> Path:
    """The same hallway, where the microphone was muted for 60 s in the middle of the first recording and around it."""
    folder = tmp_path / "muted"
    shutil.copytree(place, folder)
    pcm, rate = soundfile.read(place / "0.wav", dtype="int16")
    muted, half = np.zeros(20 * rate, np.int16), len(pcm) // 2
    soundfile.write(folder / "0.wav", np.concatenate([muted, pcm[:half], muted, pcm[half:], muted]), rate)
    return folder


def test_time_with_a_muted_microphone_counts_neither_as_hours_nor_as_background(
    detector: Path, place: Path, muted_place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the hours of silence, what is heard often is taken for rare, and the place for quiet."""
    folder = read_folder(detector)
    heard, muted = (hear_place(folder, open_unlabelled([each])) for each in (place, muted_place))
    assert muted.hours == pytest.approx(heard.hours)
    assert muted.silent_hours == pytest.approx(60 / 3600)
    np.testing.assert_allclose(muted.background, heard.background, atol=folder.frontend.int8_step_db)
    steps = [sum(map(len, each.scores)) for each in (heard, muted)]
    assert steps[1] == pytest.approx(steps[0], abs=5)
    adapt(detector, muted_place, 500)
    assert "1.00 of 2.50 minutes are digital silence and do not count; check the microphone" in capsys.readouterr().err
    now = read_folder(detector).operating_point
    assert now["sensitivity"] == {each.label: each.sensitivity for each in adapted(folder, heard, 500)}
    assert now["alarms"]["hiss"]["hours"] == pytest.approx(90 / 3600)


def test_hours_that_are_too_few_without_silence_are_refused(
    detector: Path, muted_place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (detector / "detector.json").read_bytes()
    assert main(["adapt", str(detector), "--recordings", str(muted_place), "--alarms-per-hour", "30"]) == 1
    assert "1.5 minutes cannot tell whether there are 30 alarms per hour" in " ".join(capsys.readouterr().err.split())
    assert (detector / "detector.json").read_bytes() == before


def test_a_detection_never_reaches_across_the_silence_of_a_muted_microphone(detector: Path, tmp_path: Path) -> None:
    """The first burst lasts until the microphone is muted, the second one begins as it is heard again."""
    (tmp_path / "cut").mkdir()
    pcm = noise_bursts(90.0, [(39.0, 40.0, "hiss"), (40.0, 41.0, "hiss")])
    halves = pcm[: 40 * 16_000], np.full(16_000 * 3 // 2, 700, np.int16), pcm[40 * 16_000 :]
    soundfile.write(tmp_path / "cut" / "0.wav", np.concatenate(halves), 16_000)
    folder = read_folder(detector)
    first = replace(folder, events=tuple(replace(one, merge_gap_steps=200) for one in folder.events))
    _, hiss = adapted(first, hear_place(folder, open_unlabelled([tmp_path / "cut"])), 2000)
    assert hiss.before.alarms == 2


def test_recordings_that_the_detector_was_trained_on_and_copies_are_named_and_left_out(
    detector: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They show neither how the place sounds to the detector nor more hours than there were."""
    soundfile.write(place / "2.wav", noise_bursts(45.0, [], seed=2), 16_000)
    shutil.copy(place / "1.wav", place / "copy.wav")
    known = [content_id(place / f"{index}.wav") for index in range(2)]
    replace(read_folder(detector), provenance={"trained_on": known[:1]}).write()
    now = adapt(detector, place, 2000)
    assert now.operating_point["recordings"] == sorted([known[1], content_id(place / "2.wav")])
    assert now.operating_point["alarms"]["hiss"]["hours"] == pytest.approx(90 / 3600)
    said = " ".join(capsys.readouterr().err.split())
    trained_on = f"1 of 4 recordings are left out, as the detector was trained on them: {place / '0.wav'};"
    copy = f"1 of 3 recordings are left out, as their hours would count twice: {place / 'copy.wav'} (the same as "
    assert trained_on in said
    assert f"{copy}{place / '1.wav'})" in said
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "30"]) == 1
    assert "1.5 minutes cannot tell whether there are 30 alarms per hour" in " ".join(capsys.readouterr().err.split())
    known.append(content_id(place / "2.wav"))
    replace(read_folder(detector), provenance={"trained_on": known}).write()
    assert main(["adapt", str(detector), "--recordings", str(place)]) == 1
    assert "was trained on all of these recordings" in capsys.readouterr().err


def test_a_place_of_constant_samples_alone_is_refused(
    detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "offset"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.full(90 * 44_100, -3, np.int16), 44_100)
    assert main(["adapt", str(detector), "--recordings", str(folder)]) == 1
    assert "all samples are the same in each recording; check the microphone" in capsys.readouterr().err
    noise = np.random.default_rng(0).integers(-900, 900, 90 * 16_000).astype(np.int16)
    soundfile.write(folder / "a.wav", np.stack([noise, -noise], axis=1), 16_000)
    assert main(["adapt", str(detector), "--recordings", str(folder)]) == 1
    said = capsys.readouterr().err
    assert "in opposite phase" in said
    assert "all samples are zero" in said


def test_a_silent_class_stays_silent(detector: Path, place: Path) -> None:
    folder = read_folder(detector)
    silent = DetectorFolder(**{**vars(folder), "events": (SILENT, folder.events[1])})
    silent.write()
    assert main(["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "2000"]) == 0
    assert read_folder(detector).events[0] == SILENT


def test_the_detector_says_of_each_class_whether_the_limit_is_kept(detector: Path, place: Path) -> None:
    limit = "detections per hour in unlabelled recordings"
    said = {per_hour: adapt(detector, place, per_hour).operating_point["rule"] for per_hour in (2000, 500, 100)}
    assert said[2000] == dict.fromkeys(("rumble", "hiss"), f"at most 2000 {limit}, shown at 90 %")
    assert said[500]["hiss"] == f"at most 500 {limit} by the estimate, not shown at 90 %"
    assert said[100] == {"rumble": f"at most 100 {limit}, shown at 90 %", "hiss": f"100 {limit} are not kept"}
    folder = read_folder(detector)
    replace(folder, events=(SILENT, folder.events[1])).write()
    assert adapt(detector, place, 2000).operating_point["rule"]["rumble"] == "silent"


def test_a_dry_run_only_shows(detector: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (detector / "detector.json").read_bytes()
    arguments = ["adapt", str(detector), "--recordings", str(place), "--alarms-per-hour", "120", "--dry-run"]
    assert main(arguments) == 0
    assert (detector / "detector.json").read_bytes() == before
    assert "hiss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "loudness", "arguments", "message"),
    [
        (90, 0, [], "all samples are zero; check the microphone"),
        (20, 50, [], "20 seconds of sound; record at least a minute"),
        (90, 50, ["--alarms-per-hour", "2"], "1.5 minutes cannot tell whether there are 2 alarms per hour: record"),
        (90, 50, ["--alarms-per-hour", "-1"], "--alarms-per-hour -1: need a number above 0"),
        (90, 50, ["--out", "x.stapes"], "--out has nothing to write without --alarms-per-hour"),
    ],
)
def test_recordings_that_say_nothing_are_refused(
    detector: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    seconds: int,
    loudness: int,
    arguments: list[str],
    message: str,
) -> None:
    folder = tmp_path / "quiet"
    folder.mkdir()
    noise = np.random.default_rng(0).standard_normal(seconds * 16_000) * loudness
    soundfile.write(folder / "a.wav", noise.astype(np.int16), 16_000)
    before = (detector / "detector.json").read_bytes()
    assert main(["adapt", str(detector), "--recordings", str(folder), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert (detector / "detector.json").read_bytes() == before


def test_a_folder_without_recordings_is_named(
    detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nothing").mkdir()
    assert main(["adapt", str(detector), "--recordings", str(tmp_path / "nothing")]) == 1
    assert "nothing" in capsys.readouterr().err

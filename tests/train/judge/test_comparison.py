"""`stapes evaluate --before`: two detectors on the same recordings, and when a difference is claimed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import SILENT
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.labels import Annotation
from stapes.runtime.main import main
from stapes.train.data.dataset import Recording, open_dataset
from stapes.train.judge.differences import Heard, differences
from stapes.train.judge.evaluate import Judgement, evaluate
from stapes.train.judge.judged import JudgedRecording
from stapes.train.judge.metrics import event_scores
from stapes.train.judge.overlap import content_ids

BURSTS = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss")]
NOT_THERE = [(6.0, 6.5, "rumble")]  # sounds, but is not labelled
N = 7


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven recordings, in each of which the tiny detector makes one false alarm."""
    folder = tmp_path_factory.mktemp("compared") / "val"
    folder.mkdir()
    for index in range(N):
        soundfile.write(folder / f"r{index}.wav", noise_bursts(8.0, BURSTS + NOT_THERE, seed=index), 16_000)
        (folder / f"r{index}.txt").write_text("".join(f"{a}\t{b}\t{label}\n" for a, b, label in BURSTS))
    return folder.parent


def changed(detector: Path, path: Path, *silent: str, trained_on: list[str] | None = None) -> Path:
    """A copy of a detector that is silent in some classes, and says that it was trained on some contents."""
    folder = read_folder(shutil.copytree(detector, path))
    events = tuple(
        SILENT if label in silent else each for label, each in zip(folder.classes, folder.events, strict=True)
    )
    replace(folder, events=events, provenance=folder.provenance | {"trained_on": trained_on or []}).write()
    return path


def test_a_class_that_is_heard_in_all_recordings_instead_of_in_none_is_better(
    tiny_detector: Path, recordings: Path, tmp_path: Path
) -> None:
    before = changed(tiny_detector, tmp_path / "deaf.stapes", "hiss")
    evaluation, _ = evaluate(tiny_detector, recordings, None, Judgement(before=before))
    compared = evaluation.comparison
    assert compared is not None
    hiss, rumble = (compared.differences.classes[label] for label in ("hiss", "rumble"))
    assert (hiss.f1_onset.before, hiss.f1_onset.now, hiss.f1_onset.verdict) == (0.0, 1.0, "better")
    assert rumble.f1_onset.verdict == rumble.false_alarms_per_hour.verdict == "equal"
    assert compared.summary == (
        "The new detector hears hiss better (F1 +1.00, +1.00 to +1.00); both detectors do equally well on rumble. "
        "Both raise the same number of false alarms."
    )


def test_the_figures_of_both_are_those_that_evaluate_prints_for_each(
    tiny_detector: Path, recordings: Path, tmp_path: Path
) -> None:
    before = changed(tiny_detector, tmp_path / "deaf.stapes", "rumble")
    both, _ = evaluate(tiny_detector, recordings, None, Judgement(before=before))
    alone, _ = evaluate(before, recordings)
    assert both.comparison is not None
    found = both.comparison.differences
    assert found.macro_f1_onset.now == both.figures.events.macro_f1_onset.value
    assert found.macro_f1_onset.before == alone.figures.events.macro_f1_onset.value
    assert found.false_alarms_per_hour.now == pytest.approx(both.figures.alarms_per_hour.value)
    assert found.false_alarms_per_hour.before == alone.figures.alarms_per_hour.value == 0.0
    assert found.classes["rumble"].f1_onset.now == both.figures.events.classes["rumble"].f1_onset.value
    assert found.false_alarms_per_hour.verdict == "worse"
    rate = found.false_alarms_per_hour.now
    assert f"It raises {rate:.1f} more false alarms per hour ({rate:.1f} to {rate:.1f})." in both.comparison.summary


def test_recordings_that_one_of_them_was_trained_on_are_left_out_by_name(
    tiny_detector: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = open_dataset(recordings).splits["val"][:2]
    before = changed(tiny_detector, tmp_path / "before.stapes", trained_on=content_ids(known))
    assert main(["evaluate", str(tiny_detector), str(recordings), "--before", str(before)]) == 0
    printed = capsys.readouterr().out
    assert f"beside {before}, on {N - 2} recordings that neither was trained on" in printed
    assert "2 left out: val/r0.wav, val/r1.wav; one of the two was trained on them" in printed
    assert "both detectors do equally well on rumble and hiss" in " ".join(printed.lower().split())


def test_detectors_are_not_compared_on_what_one_of_them_was_trained_on(
    tiny_detector: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = changed(tiny_detector, tmp_path / "b.stapes", trained_on=content_ids(open_dataset(recordings).recordings))
    assert main(["evaluate", str(tiny_detector), str(recordings), "--before", str(before)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    names = f"val/r0.wav, val/r1.wav, val/r2.wav and {N - 3} more"
    assert f"one of them was trained on every recording that is judged ({names})" in error
    assert "name recordings that are new to both" in error


def test_the_json_holds_the_comparison_and_no_nan(
    tiny_detector: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = changed(tiny_detector, tmp_path / "before.stapes", "hiss", "rumble")
    assert main(["evaluate", str(tiny_detector), str(recordings), "--before", str(before), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    one = printed["comparison"]["differences"]["classes"]["hiss"]["f1_onset"]
    assert (one["before"], one["now"], one["verdict"]) == (0.0, 1.0, "better")
    assert printed["comparison"]["summary"].startswith("The new detector hears ")


def heard(found: NDArray[np.int64], labelled: int, alarms: NDArray[np.int64]) -> Heard:
    """What was made of recordings of a minute with `labelled` events each, of which so many are found."""
    events = [Annotation(2.0 + 5 * k, 2.5 + 5 * k, "a") for k in range(labelled)]
    judged = []
    for index, (hits, false) in enumerate(zip(found, alarms, strict=True)):
        recording = Recording(Path(f"{index}.wav"), f"{index}.wav", f"{index}.wav", 60.0, tuple(events))
        extra = [Annotation(4.2 + 5 * k, 4.4 + 5 * k, "a") for k in range(false)]
        detected = sorted([*events[:hits], *extra], key=lambda each: each.onset)
        judged.append(JudgedRecording(recording, np.zeros((1, 1), np.int8), tuple(detected), ()))
    return Heard(judged)


def test_of_two_equal_detectors_one_is_seldom_called_better() -> None:
    """At 95 %, one claim in 20 is wrong; recordings are hard or easy for both. Referee: 200 pairs that are equal."""
    generator = np.random.default_rng(4)
    claims = 0
    for _ in range(200):
        difficulty = generator.normal(0, 1, 8)
        found, alarms = (generator.binomial(8, 1 / (1 + np.exp(-(difficulty + 0.85)[None])), (2, 8)) for _ in range(2))
        one, other = (heard(found[k], 8, alarms[k] // 4) for k in range(2))
        claims += differences(one, other, ["a"]).classes["a"].f1_onset.verdict in ("better", "worse")
    assert claims <= 20


def test_a_difference_in_every_recording_is_shown_though_recordings_differ_more_than_the_detectors() -> None:
    """Paired: each recording is drawn for both. One more hit in each recording, where one has 1 of 8 and one has 7."""
    found = np.array([1, 2, 3, 4, 5, 6, 7, 4])
    none = np.zeros(8, np.int64)
    one, other = heard(found, 8, none), heard(found + 1, 8, none)
    change = differences(one, other, ["a"]).classes["a"].f1_onset
    assert change.verdict == "better"
    alone = (
        event_scores(
            {each.recording.name: each.recording.annotations for each in one.judged},
            {each.recording.name: each.detected for each in one.judged},
            {each.recording.name: 60.0 for each in one.judged},
            ["a"],
        )
        .classes["a"]
        .f1_onset
    )
    assert change.difference.high - change.difference.low < (alone.high - alone.low) / 2


@pytest.mark.parametrize(("n", "verdict"), [(5, "unclear"), (6, "better")])
def test_five_recordings_that_agree_prove_nothing_and_six_do(n: int, verdict: str) -> None:
    """A sign test, two-sided: 2 / 2^5 = 6 %, and 2 / 2^6 = 3 %."""
    none = np.zeros(n, np.int64)
    assert differences(heard(none, 4, none), heard(none + 4, 4, none), ["a"]).classes["a"].f1_onset.verdict == verdict


def test_two_recordings_of_three_classes_prove_nothing_over_all_classes() -> None:
    """The events of all classes are from the same two recordings, which are no more than two."""
    labels = ["a", "b", "c"]
    events = tuple(Annotation(1.0 + 10 * k, 1.5 + 10 * k, label) for k, label in enumerate(labels))

    def found(*each_of: tuple[Annotation, ...]) -> Heard:
        return Heard(
            [
                JudgedRecording(
                    Recording(Path(f"{k}.wav"), f"{k}.wav", f"{k}.wav", 60.0, events),
                    np.zeros((1, 3), np.int8),
                    detected,
                    (),
                )
                for k, detected in enumerate(each_of)
            ]
        )

    compared = differences(found(events[:2], events[1:]), found(events, events), labels)
    assert compared.macro_f1_onset.difference.value > 0
    assert compared.macro_f1_onset.verdict == "unclear"


def test_each_detector_hears_the_channel_of_its_own_training_unless_one_is_named(
    tiny_detector: Path, tmp_path: Path
) -> None:
    """The events are on the first channel, which the detector before was trained on; the second one is silent."""
    folder = tmp_path / "stereo" / "val"
    folder.mkdir(parents=True)
    for index in range(N):
        pcm = noise_bursts(8.0, BURSTS, seed=index)
        soundfile.write(folder / f"r{index}.wav", np.stack([pcm, pcm * 0], axis=1), 16_000)
        (folder / f"r{index}.txt").write_text("".join(f"{a}\t{b}\t{label}\n" for a, b, label in BURSTS))
    before, now = (changed(tiny_detector, tmp_path / f"{name}.stapes") for name in ("before", "now"))
    replace(read_folder(before), provenance={"channel": 1}).write()
    found = {}
    for channel, heard in (("own", 2), ("named", None)):
        replace(read_folder(now), provenance={"channel": heard or 1}).write()
        judgement = Judgement(before=before, channel=None if heard else 2)
        compared = evaluate(now, folder.parent, None, judgement)[0].comparison
        assert compared is not None
        found[channel] = compared.differences.macro_f1_onset
    assert (found["own"].before, found["own"].now) == (1, 0)
    assert (found["named"].before, found["named"].now) == (0, 0)

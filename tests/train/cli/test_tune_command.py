"""`stapes tune` changes the operating point and nothing else, and estimates the scores on other recordings."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import SILENT
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.detector import Detector
from stapes.runtime.main import main
from stapes.train.data.content import content_id
from stapes.train.settings import read_settings


@pytest.fixture
def detector(tiny_detector: Path, tmp_path: Path) -> Path:
    """A copy of the tiny detector that tests may change."""
    return Path(shutil.copytree(tiny_detector, tmp_path / "tiny.stapes"))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three recordings with a burst that is labelled and one that is not."""
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    rows = ["filename\tonset\toffset\tevent_label"]
    for index in range(3):
        pcm = noise_bursts(4.0, [(1.0, 1.5, "hiss"), (2.5, 3.0, "rumble")], seed=index)
        soundfile.write(folder / f"{index}.wav", pcm, 16_000)
        rows.append(f"{index}.wav\t1.0\t1.5\thiss")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n")
    return folder.parent


def test_only_detector_json_changes(detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in detector.rglob("*") if path.is_file()}
    assert main(["tune", str(detector), str(dataset), "--false-alarms-per-hour", "5000"]) == 0
    changed = [path.name for path, content in before.items() if path.read_bytes() != content]
    assert changed == ["detector.json"]
    point = json.loads((detector / "detector.json").read_text())["operating_point"]
    assert point["rule"]["hiss"] == "best recall, less what alarms cost, within 5000 false alarms per hour"
    assert point["chosen_on"] == "val"
    assert len(set(point["recordings"])) == 3
    out = capsys.readouterr().out
    assert "on other recordings (95 %)" in out
    lines = [line.split() for line in out.splitlines()]
    assert next(line for line in lines if line[:2] == ["hiss,", "now"])[3:5] == ["1.00", "1.000"]


def test_a_split_that_does_not_exist_is_named(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(detector), str(dataset), "--split", "test"]) == 1
    assert "has no split 'test'; its splits are val" in capsys.readouterr().err


def test_nothing_is_chosen_without_events(detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dataset / "val" / "labels.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    assert main(["tune", str(detector), str(dataset), "--false-alarms-per-hour", "1"]) == 1
    assert "no event is labelled in 3 recordings" in capsys.readouterr().err


def test_a_class_that_the_detector_does_not_know_is_named(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = dataset / "val" / "labels.tsv"
    labels.write_text(labels.read_text().replace("\thiss", "\tyodel"))
    assert main(["tune", str(detector), str(dataset)]) == 1
    assert "has no class 'yodel'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        (["--false-alarms-per-hour", "few"], "--false-alarms-per-hour few: need a number above 0, or CLASS=N"),
        (["--false-alarms-per-day=-1"], "--false-alarms-per-day -1: need a number above 0"),
        (
            ["--false-alarms-per-hour", "yodel=2"],
            "a budget of false alarms is set for 'yodel', which is no class; the classes are rumble, hiss",
        ),
        (
            ["--false-alarms-per-hour", "2", "--false-alarms-per-day", "9"],
            "per-day 9: a limit for all classes was already given",
        ),
    ],
)
def test_a_limit_that_is_no_valid_number_is_refused(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str], budgets: list[str], message: str
) -> None:
    assert main(["tune", str(detector), str(dataset), *budgets]) == 1
    assert message in capsys.readouterr().err


def test_budgets_of_a_day_and_of_one_class(detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budgets = ["--false-alarms-per-day", "120000", "--false-alarms-per-hour", "hiss=4000"]
    assert main(["tune", str(detector), str(dataset), *budgets]) == 0
    rules = json.loads((detector / "detector.json").read_text())["operating_point"]["rule"]
    assert rules.pop("hiss") == "best recall, less what alarms cost, within 4000 false alarms per hour"
    assert rules["rumble"] == "no events to choose by"


def test_a_note_says_what_so_few_hours_cannot_show(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(detector), str(dataset), "--false-alarms-per-hour", "hiss=2", "--dry-run"]) == 0
    assert (
        "hiss: 2 false alarms per hour are not shown at 90%: 1.2 hours without any alarm are needed; there are "
        "0.2 minutes" in capsys.readouterr().err
    )


def _background(folder: Path, bursts: list[tuple[float, float, str]]) -> Path:
    folder.mkdir()
    soundfile.write(folder / "quiet.wav", noise_bursts(20.0, bursts, seed=9), 16_000)
    return folder


def test_a_dry_run_and_out_leave_the_detector_as_it_is(
    detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in detector.rglob("*") if path.is_file()}
    assert main(["tune", str(detector), str(dataset), "--silent", "rumble", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert ["rumble,", "now", "silent"] in [line.split()[:3] for line in out.splitlines()]
    assert ["rumble,", "before"] in [line.split()[:2] for line in out.splitlines()]
    new = tmp_path / "new.stapes"
    assert main(["tune", str(detector), str(dataset), "--silent", "rumble", "--out", str(new)]) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert read_folder(new).events[0] == SILENT
    assert {event.label for event in Detector.load(new).detect(dataset / "val" / "0.wav")} == {"hiss"}
    changed = [path.name for path in before if path.read_bytes() != (new / path.relative_to(detector)).read_bytes()]
    assert changed == ["detector.json"]


@pytest.mark.slow
def test_alarms_are_counted_in_the_background(
    detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every sound of the background is a longer hiss than those of val: no setting that finds one keeps the budget."""
    quiet = _background(tmp_path / "quiet", [(1.0 + 2 * index, 2.0 + 2 * index, "hiss") for index in range(9)])
    events = read_folder(detector).events
    arguments = ["tune", str(detector), str(dataset), "--false-alarms-per-hour", "hiss=100"]
    assert main([*arguments, "--background", str(quiet)]) == 0
    assert "hiss: 100 false alarms per hour cannot be met" in capsys.readouterr().err
    assert read_folder(detector).events[1] == events[1], "it stays as it was"
    assert main([*arguments, "--background", str(quiet), "--silence-unmet"]) == 0
    assert read_folder(detector).events[1] == SILENT
    assert main(arguments) == 0
    assert read_folder(detector).events[1] != SILENT, "without the background the budget can be met"


def test_a_background_that_holds_events_is_refused(
    detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = _background(tmp_path / "quiet", [])
    (quiet / "quiet.txt").write_text("1.0\t1.5\thiss\n")
    assert main(["tune", str(detector), str(dataset), "--background", str(quiet)]) == 1
    assert "quiet.txt:1: 'hiss' is labelled in a recording of" in capsys.readouterr().err
    (quiet / "quiet.txt").unlink()
    assert main(["tune", str(detector), str(dataset), "--background", str(quiet), "--background", str(quiet)]) == 1
    assert "comes twice; give each folder once, and remove links to recordings" in capsys.readouterr().err


def test_a_labelled_recording_is_no_background_under_another_name(
    detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = _background(tmp_path / "quiet", [])
    shutil.copy(dataset / "val" / "1.wav", quiet / "night.wav")
    before = (detector / "detector.json").read_bytes()
    assert main(["tune", str(detector), str(dataset), "--background", str(quiet)]) == 1
    assert (
        f"{quiet / 'night.wav'}: was declared free of events, but is the same recording as "
        f"{dataset / 'val' / '1.wav'}, in which 'hiss' is labelled ({dataset / 'val' / 'labels.tsv'}:3); "
        "leave it out of --background, or correct the labels" in capsys.readouterr().err
    )
    assert (detector / "detector.json").read_bytes() == before


def test_hours_that_the_detector_was_trained_on_show_no_limit_of_false_alarms(
    detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a minute of background shows a limit of 400 per hour; the 10 s of events beside it show none below 830."""
    quiet = _background(tmp_path / "quiet", [])
    soundfile.write(quiet / "night.wav", noise_bursts(20.0, [], seed=10), 16_000)
    command = ["tune", str(detector), str(dataset), "--false-alarms-per-hour", "hiss=400", "--background", str(quiet)]
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "the detector was trained on" not in said
    assert "are not shown" not in said
    known = [content_id(quiet / name) for name in ("quiet.wav", "night.wav")]
    hours = {}
    for count in (1, 2):
        replace(read_folder(detector), provenance={"trained_on": known[:count]}, operating_point={}).write()
        assert main(command) == 0
        said = capsys.readouterr().err
        assert f"was trained on {'1 of these 2' if count == 1 else 'these'} recordings" in said
        assert f"background {quiet / 'quiet.wav'}" in said
        assert (f"background {quiet / 'night.wav'}" in said) == (count == 2)
        assert "those hours show no limit; give recordings that are new to it" in said
        point = read_folder(detector).operating_point
        hours[count] = point["alarms"]["hiss"]["hours"]
        assert set(known).intersection(point["recordings"]) == set(known[count:])
    assert "hiss: 400 false alarms per hour are not shown at 90%" in said
    assert hours[1] - hours[2] == pytest.approx(20 / 3600, rel=0.05)


@pytest.mark.parametrize("options", [[], ["--threshold", "hiss=0.75"]])
def test_it_is_said_that_thresholds_are_judged_on_recordings_that_the_detector_was_trained_on(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    command = ["tune", str(detector), str(dataset), *options]
    for _ in range(2):  # the second time on recordings that thresholds were chosen on, which is what val is for
        assert main(command) == 0
        assert "the detector was trained on" not in capsys.readouterr().err
    known = [content_id(dataset / "val" / name) for name in ("0.wav", "2.wav")]
    replace(read_folder(detector), provenance={"trained_on": known}).write()
    assert main(command) == 0
    said = capsys.readouterr().err
    assert (
        "the detector was trained on 2 of these 3 recordings: the figures say little about other recordings "
        "(val/0.wav, val/2.wav)" in said
    )
    assert ('those headed "on other recordings" hold for none' in said) == (not options)
    assert "thresholds chosen on them for the best F1 come out too high for others" in said


def test_a_class_that_is_silent_is_not_said_to_lack_recordings(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing but the option makes it silent; rumble has no events at all."""
    assert main(["tune", str(detector), str(dataset), "--silent", "hiss"]) == 0
    assert "no estimate for rumble on other recordings" in " ".join(capsys.readouterr().out.split())


def test_a_threshold_set_by_hand_changes_this_class_alone_and_is_kept_as_a_chosen_one(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_folder(detector)
    assert main(["tune", str(detector), str(dataset), "--threshold", "hiss=0.75"]) == 0
    after = read_folder(detector)
    assert after.events[0] == before.events[0]
    assert (after.events[1].on_score, after.events[1].off_score) == (64, 25)  # 0.6, the same share of 0.75 as before
    assert after.operating_point["rule"] == {"hiss": "set by hand"}
    assert (after.operating_point["chosen_on"], len(after.operating_point["recordings"])) == ("val", 3)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[2] for line in lines if line[:1] == ["hiss,"]] == ["0.50", "0.75"]
    assert main(["evaluate", str(detector), str(dataset)]) == 0
    assert "thresholds were chosen on these recordings" in " ".join(capsys.readouterr().out.split())


def test_recordings_of_thresholds_that_are_left_alone_stay_known(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No rumble is labelled, so its thresholds stay those that were chosen on other recordings."""
    others = _recordings(dataset.parent / "others", [(1.0, 1.5, "rumble")], "1.0\t1.5") / "val"
    earlier = {content_id(path) for path in others.glob("*.wav")}
    here = {content_id(path) for path in (dataset / "val").glob("*.wav")}
    folder = read_folder(detector)
    replace(folder, operating_point=folder.operating_point | {"recordings": sorted(earlier)}).write()
    assert main(["tune", str(detector), str(dataset)]) == 0
    assert set(read_folder(detector).operating_point["recordings"]) == earlier | here
    capsys.readouterr()
    assert main(["evaluate", str(detector), str(others.parent)]) == 0
    assert "thresholds were chosen on these recordings" in " ".join(capsys.readouterr().out.split())
    assert main(["tune", str(detector), str(dataset), "--silent", "rumble"]) == 0
    assert set(read_folder(detector).operating_point["recordings"]) == here, "of which nothing holds any more"


def _adapted(detector: Path) -> None:
    """Write that `stapes adapt` has set the thresholds of both classes; their steps do not matter here."""
    folder = read_folder(detector)
    adaptation = {"before_adapt": {label: {"on_score": 0, "off_score": -26} for label in folder.classes}}
    adaptation |= {"sensitivity": dict.fromkeys(folder.classes, -1)}
    replace(folder, operating_point=folder.operating_point | adaptation).write()


def _from_adaptation(detector: Path) -> list[list[str]]:
    """Return the classes whose thresholds are said to come from an adaptation."""
    point = read_folder(detector).operating_point
    return [sorted(point.get(field, {})) for field in ("before_adapt", "sensitivity")]


def test_thresholds_that_are_chosen_or_set_by_hand_are_the_first_ones_for_adapt(detector: Path, dataset: Path) -> None:
    _adapted(detector)
    assert main(["tune", str(detector), str(dataset), "--threshold", "hiss=0.75"]) == 0
    assert _from_adaptation(detector) == [["rumble"], ["rumble"]]
    _adapted(detector)
    assert main(["tune", str(detector), str(dataset)]) == 0
    assert _from_adaptation(detector) == [["rumble"], ["rumble"]], "it has no events here, and stays as it was"


@pytest.mark.slow
def test_a_class_that_tune_leaves_as_it_was_keeps_its_adaptation(detector: Path, dataset: Path, tmp_path: Path) -> None:
    quiet = _background(tmp_path / "quiet", [(1.0 + 2 * index, 2.0 + 2 * index, "hiss") for index in range(9)])
    _adapted(detector)
    arguments = ["tune", str(detector), str(dataset), "--false-alarms-per-hour", "hiss=100", "--background", str(quiet)]
    assert main(arguments) == 0
    assert _from_adaptation(detector) == [["hiss", "rumble"], ["hiss", "rumble"]]
    assert main([*arguments, "--silence-unmet"]) == 0
    assert _from_adaptation(detector) == [["rumble"], ["rumble"]]


def test_a_class_that_was_silent_is_heard_again_once_it_has_a_threshold(detector: Path, dataset: Path) -> None:
    assert main(["tune", str(detector), str(dataset), "--silent", "hiss"]) == 0
    assert main(["tune", str(detector), str(dataset), "--threshold", "hiss=0.5"]) == 0
    events = Detector.load(detector).detect(dataset / "val" / "0.wav")
    assert [each.label for each in events if each.label == "hiss"] == ["hiss"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--threshold", "hiss"], "--threshold hiss: need CLASS=P with a probability"),
        (["--threshold", "yodel=0.5"], "has no class 'yodel', only rumble, hiss"),
        (["--threshold", "hiss=1.5"], "hiss=1.5: a threshold is a probability from 0.004 to 0.996"),
        (["--threshold", "hiss=0.5", "--silent", "rumble"], "--silent does not go with --threshold"),
    ],
)
def test_a_threshold_that_cannot_be_set_is_refused_and_nothing_changes(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    before = (detector / "detector.json").read_bytes()
    assert main(["tune", str(detector), str(dataset), *options]) == 1
    assert said in capsys.readouterr().err
    assert (detector / "detector.json").read_bytes() == before


FEW = "smoothing_steps = [3]\noff_ratio = [0.5]\nmin_duration_steps = [2]\nmerge_gap_steps = [0]"  # soon tried


def _trained_with(detector: Path, table: str) -> Path:
    """Write the table [operating_point] of the settings that the detector was trained with."""
    path = detector / "training" / "settings.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"[operating_point]\n{table}\n")
    return path


def _recordings(folder: Path, bursts: list[tuple[float, float, str]], label: str) -> Path:
    """Write three recordings of these bursts with one label, as onset and offset, of a hiss."""
    (folder / "val").mkdir(parents=True)
    for index in range(3):
        soundfile.write(folder / "val" / f"{index}.wav", noise_bursts(6.0, bursts, seed=index), 16_000)
        (folder / "val" / f"{index}.txt").write_text(f"{label}\thiss\n")
    return folder


def test_a_gap_that_the_settings_of_training_leave_out_is_not_chosen(detector: Path, tmp_path: Path) -> None:
    """The labelled hiss pauses for 15 steps, so that a longer gap is best, where the settings have one."""
    paused = _recordings(tmp_path / "paused", [(1.0, 2.0, "hiss"), (2.3, 3.3, "hiss")], "1.0\t3.3")
    assert main(["tune", str(detector), str(paused)]) == 0
    assert read_folder(detector).events[1].merge_gap_steps > 2
    _trained_with(detector, "merge_gap_steps = [0, 2]")
    assert main(["tune", str(detector), str(paused)]) == 0
    assert read_folder(detector).events[1].merge_gap_steps in (0, 2)


def test_all_lists_of_the_settings_of_training_are_those_that_are_tried(detector: Path, dataset: Path) -> None:
    table = "smoothing_steps = [7]\noff_ratio = [0.25]\nmin_duration_steps = [3]\nmerge_gap_steps = [1]"
    settings = read_settings(_trained_with(detector, f"{table}\non_logit_step = 2.5")).operating_point
    assert main(["tune", str(detector), str(dataset)]) == 0
    chosen = read_folder(detector).events[1]
    assert (chosen.smoothing_steps, chosen.min_duration_steps, chosen.merge_gap_steps) == (7, 3, 1)
    assert chosen.on_score in settings.on_scores
    assert chosen.off_score + 128 == max(1, round((chosen.on_score + 128) * 0.25))


def test_limits_and_silent_classes_are_those_of_the_options_alone(detector: Path, tmp_path: Path) -> None:
    """A longer hiss than the labelled one is a false alarm with each of these settings that finds the labelled one."""
    recordings = _recordings(tmp_path / "two", [(1.0, 1.5, "hiss"), (3.0, 5.0, "hiss")], "1.0\t1.5")
    before = read_folder(detector).events[1]
    limits = "false_alarms_per_hour = 100\nfalse_alarms_per_hour_of_class = {yodel = 1}\nsilence_unmet = true"
    _trained_with(detector, f'{FEW}\non_logit_step = 2.5\n{limits}\nsilent = ["hiss"]')
    assert main(["tune", str(detector), str(recordings), "--false-alarms-per-hour", "hiss=100"]) == 0
    assert read_folder(detector).operating_point["rule"]["hiss"] == "100 false alarms per hour cannot be met"
    assert read_folder(detector).events[1] == before, "neither silent, nor silenced for its limit"
    assert main(["tune", str(detector), str(recordings)]) == 0
    assert read_folder(detector).operating_point["rule"]["hiss"].startswith("best mean of event F1 by onset and")


@pytest.mark.parametrize(
    ("former", "given", "dropped"),
    [
        ("--false-alarms-per-hour 900 --silent rumble", "", "--false-alarms-per-hour 900 --silent rumble"),
        ("--false-alarms-per-hour 900 --silent rumble", "--silent rumble", "--false-alarms-per-hour 900"),
        ("--false-alarms-per-hour 900", "--false-alarms-per-hour hiss=800", "--false-alarms-per-hour 900"),
        ("--false-alarms-per-hour hiss=900 --silence-unmet", "", "--false-alarms-per-hour hiss=900 --silence-unmet"),
        ("--false-alarms-per-hour hiss=900 --silent rumble", "--silent rumble --false-alarms-per-hour 800", ""),
        ("--false-alarms-per-hour 900 --silent rumble", "--threshold hiss=0.75", ""),
        ("", "--false-alarms-per-hour 900", ""),
    ],
)
def test_limits_and_silent_classes_that_are_not_given_again_are_named(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str], former: str, given: str, dropped: str
) -> None:
    _trained_with(detector, f"{FEW}\non_logit_step = 2.5")
    command = ["tune", str(detector), str(dataset)]
    assert main([*command, *former.split()]) == 0
    assert "which this one drops" not in capsys.readouterr().err
    assert main([*command, *given.split()]) == 0
    said = capsys.readouterr().err
    assert (
        f"the last choice of thresholds had `{dropped}`, which this one drops; give again what" in said or not dropped
    )
    assert ("which this one drops" in said) == bool(dropped)
    assert main([*command, *given.split(), *dropped.split()]) == 0
    assert "which this one drops" not in capsys.readouterr().err, "what was named keeps them"


def test_a_former_choice_that_cannot_be_read_does_not_stop_the_next_one(detector: Path, dataset: Path) -> None:
    _trained_with(detector, f"{FEW}\non_logit_step = 2.5")
    replace(read_folder(detector), operating_point={"settings": {"silent": 5}}).write()
    assert main(["tune", str(detector), str(dataset)]) == 0
    assert read_folder(detector).operating_point["settings"]["silent"] == []


def test_it_is_said_that_a_background_chooses_no_threshold_without_a_limit(
    detector: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _trained_with(detector, f"{FEW}\non_logit_step = 2.5")
    quiet = _background(tmp_path / "quiet", [])
    command = ["tune", str(detector), str(dataset), "--background", str(quiet), "--dry-run"]
    said = []
    for options in ([], ["--false-alarms-per-hour", "hiss=900"], ["--threshold", "hiss=0.75"]):
        assert main([*command, *options]) == 0
        said.append("with a limit, such as --false-alarms-per-hour 10, thresholds are" in capsys.readouterr().err)
    assert said == [True, False, False]


def test_what_counts_as_heard_is_as_in_training_unless_an_option_says_otherwise(
    detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hiss begins 400 ms after its label: within 20 % of the duration, not within 200 ms."""
    late = _recordings(tmp_path / "late", [(1.4, 4.0, "hiss")], "1.0\t4.0")
    _trained_with(detector, f'{FEW}\nhits = "overlap"\ncollar_percent = 20')
    assert _rule_and_f1_onset(detector, late, capsys) == ("best event F1 by overlap", "1.000")
    assert _rule_and_f1_onset(detector, late, capsys, "--collar-percent", "0") == ("best event F1 by overlap", "0.000")
    onset = "best mean of event F1 by onset and by onset and offset"
    assert _rule_and_f1_onset(detector, late, capsys, "--hits", "onset") == (onset, "1.000")
    assert _rule_and_f1_onset(detector, late, capsys) == ("best event F1 by overlap", "1.000"), "options are not kept"


def _rule_and_f1_onset(
    detector: Path, recordings: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[str, str]:
    """Return by what the threshold of hiss is chosen, and its F1 by onset with it."""
    capsys.readouterr()
    assert main(["tune", str(detector), str(recordings), *options]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rule = read_folder(detector).operating_point["rule"]["hiss"]
    return rule.partition(",")[0], next(line[4] for line in lines if line[:2] == ["hiss,", "now"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("merge_gap_steps = 'few'", ":2: merge_gap_steps = 'few' is not a list"),
        ("merge_gap_steps = [2, 0]", ":2: operating_point: merge_gap_steps is [2, 0]: need values from 0 to 200"),
        ("merge_gap_steps", ": is not a TOML file"),
    ],
)
def test_settings_of_training_that_cannot_be_read_are_named_and_nothing_changes(
    detector: Path, dataset: Path, capsys: pytest.CaptureFixture[str], table: str, said: str
) -> None:
    before = (detector / "detector.json").read_bytes()
    path = _trained_with(detector, table)
    assert main(["tune", str(detector), str(dataset)]) == 1
    assert f"{path}{said}" in capsys.readouterr().err
    assert (detector / "detector.json").read_bytes() == before

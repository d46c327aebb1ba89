"""`stapes evaluate`: the deployed path over a dataset, and what it says about it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.audio import read_audio
from stapes.runtime.detector import Detector
from stapes.runtime.labels import Annotation, read_dcase
from stapes.runtime.main import main
from stapes.train.data.background import open_background
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.alarm_budget import AlarmRate
from stapes.train.judge.evaluate import Judgement, evaluate
from stapes.train.judge.judged import judge_recordings
from stapes.train.judge.metrics import event_scores
from stapes.train.judge.operating_point import OperatingPoint
from stapes.train.judge.overlap import content_ids
from stapes.train.judge.scored import features_of, score_recordings
from stapes.train.settings import OperatingPointSettings

BURSTS = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss"), (5.0, 6.2, "rumble")]


@pytest.fixture(scope="module")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings with bursts in val, one without one of its labels, and an event-free one with a false alarm."""
    folder = tmp_path_factory.mktemp("bursts")
    (folder / "val").mkdir()
    for name, heard, labelled in (("a", BURSTS, BURSTS), ("b", BURSTS, BURSTS[1:]), ("quiet", BURSTS[:1], [])):
        soundfile.write(folder / "val" / f"{name}.wav", noise_bursts(8.0, heard), 16_000)
        rows = "".join(f"{onset}\t{offset}\t{label}\n" for onset, offset, label in labelled)
        (folder / "val" / f"{name}.txt").write_text(rows)
    return folder


def test_the_events_judged_are_those_of_the_detector(tiny_detector: Path, bursts: Path) -> None:
    detector = Detector.load(tiny_detector)
    judged = judge_recordings(detector, open_dataset(bursts).splits["val"])
    for each in judged:
        events = Detector.load(tiny_detector).detect(each.recording.path)
        assert each.detected == tuple(Annotation(e.onset, e.offset, e.label, e.confidence) for e in events)
        pcm = read_audio(each.recording.path, detector.sample_rate_hz).pcm
        np.testing.assert_array_equal(each.scores, Detector.load(tiny_detector).scores(pcm))


def test_an_event_is_announced_when_the_last_sample_it_needs_was_heard(tiny_detector: Path, bursts: Path) -> None:
    """Sample by sample around the moment: one sample less, and the event is not announced yet."""
    detector = Detector.load(tiny_detector)
    recording = open_dataset(bursts).splits["val"][0]
    judged = judge_recordings(detector, [recording])[0]
    pcm = read_audio(recording.path, 16_000).pcm
    assert len(judged.announced_s) == len(judged.detected) == 4
    for event, announced in zip(judged.detected, judged.announced_s, strict=True):
        needed = round(announced * 16_000)
        for heard, known in ((needed - 1, False), (needed, True)):
            detector.reset()
            onsets = [(each.label, each.onset) for each in detector.push(pcm[:heard])]
            assert ((event.label, event.onset) in onsets) == known


def test_the_figures_are_those_of_these_events(tiny_detector: Path, bursts: Path) -> None:
    evaluation, heard = evaluate(tiny_detector, bursts)
    judged = heard.judged
    figures = evaluation.figures
    by_hand = event_scores(
        {each.recording.name: each.recording.annotations for each in judged},
        {each.recording.name: each.detected for each in judged},
        {each.recording.name: each.recording.duration_s for each in judged},
        ("rumble", "hiss"),
    )
    assert figures.events == by_hand
    assert (by_hand.classes["hiss"].n_hits, by_hand.classes["hiss"].n_detected) == (3, 5)
    assert by_hand.classes["hiss"].false_alarms_per_hour.value == pytest.approx(2 / (24 / 3600))
    assert figures.error_rate_onset.value == pytest.approx(2 / 7)
    assert figures.counting["hiss"].count_error.value == pytest.approx(2 / 3)
    assert figures.timing["rumble"].n_hits == 4
    assert 0 < figures.timing["rumble"].latency_ms.value < 300
    assert figures.psds_1.value < 1.0
    assert figures.psds_1.low <= figures.psds_1.value <= figures.psds_1.high


def test_scores_stand_where_their_events_stand(tiny_detector: Path) -> None:
    """Step k of a detector that answers one step late stands for samples (k - 1) * 512 + 128 on."""
    edges = read_folder(tiny_detector).clock.edges_s(3)
    np.testing.assert_allclose(edges, np.array([0, 128, 640, 1152]) / 16_000)


def test_the_table_says_what_was_judged(tiny_detector: Path, bursts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tiny_detector), str(bursts)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tiny_detector} on val of {bursts}: 3 recordings, 0.4 min"
    row = next(line.split() for line in lines if line.startswith("hiss"))
    assert row[:5] == ["hiss", "3", "5", "0.60", "1.00"]


def test_json_holds_the_figures_and_no_nan(
    tiny_detector: Path, bursts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tiny_detector), str(bursts), "--split", "val", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert printed["split"] == "val"
    assert printed["figures"]["events"]["macro_f1_onset"]["value"] == pytest.approx((1 + 6 / 8) / 2)


def test_json_holds_the_mistakes_and_what_other_thresholds_would_give(
    tiny_detector: Path, bursts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two bursts of hiss have no label. At the detector's own threshold the curve gives the figures of the table."""
    assert main(["evaluate", str(tiny_detector), str(bursts), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(each["recording"], each["kind"], each["label"]) for each in printed["mistakes"]] == [
        ("val/b.wav", "false", "hiss"),
        ("val/quiet.wav", "false", "hiss"),
    ]
    own = probability(read_folder(tiny_detector).events[1].on_score)
    (point,) = (each for each in printed["curves"]["hiss"] if each["threshold"] == own)
    hiss = printed["figures"]["events"]["classes"]["hiss"]
    assert (point["precision"], point["recall"]) == (hiss["precision"], hiss["recall"])
    assert point["false_alarms_per_hour"] == pytest.approx(printed["figures"]["alarms"]["hiss"]["per_hour"])


def test_mistakes_and_curves_count_the_false_alarms_of_the_background_as_the_table_does(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "quiet.wav", noise_bursts(18.0, BURSTS), 16_000)
    assert main(["evaluate", str(tiny_detector), str(bursts), "--json", "--background", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    for label, config in zip(("rumble", "hiss"), read_folder(tiny_detector).events, strict=True):
        table, own = printed["figures"]["alarms"][label], probability(config.on_score)
        false = [each for each in printed["mistakes"] if (each["kind"], each["label"]) == ("false", label)]
        (point,) = (each for each in printed["curves"][label] if each["threshold"] == own)
        assert len(false) == table["alarms"] > 0
        assert point["false_alarms_per_hour"] == pytest.approx(table["per_hour"])


@pytest.mark.slow
def test_where_no_event_is_there_are_false_alarms_and_no_f1(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two alarms in 24 s of recordings that hold nothing, as a labels.tsv without a row says; every output says so."""
    (tmp_path / "val").mkdir()
    (tmp_path / "labels.tsv").write_text("filename\tonset\toffset\tevent_label\n")
    for name, bursts in (("a", BURSTS[:2]), ("b", []), ("c", [])):
        soundfile.write(tmp_path / "val" / f"{name}.wav", noise_bursts(8.0, bursts), 16_000)
    report = tmp_path / "report.html"
    assert main(["evaluate", str(tiny_detector), str(tmp_path), "--report", str(report), "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    events = evaluation["figures"]["events"]
    assert events["false_alarms_per_hour"]["value"] == pytest.approx(2 / (24 / 3600))
    assert [events["macro_f1_onset"]["value"], events["classes"]["hiss"]["f1_onset"]["value"]] == [None, None]
    assert evaluation["figures"]["segments"]["macro_f1"]["value"] is None
    assert "no event is annotated in these recordings" in evaluation["warning"]
    assert evaluation["warning"] in report.read_text()
    assert main(["evaluate", str(tiny_detector), str(tmp_path)]) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("hiss"))
    assert row == ["hiss", "1", "150.0", "(at", "most", "583.5)"]


def test_test_is_judged_where_there_is_one(tiny_detector: Path, bursts: Path, tmp_path: Path) -> None:
    shutil.copytree(bursts, tmp_path / "data")
    shutil.copytree(bursts / "val", tmp_path / "data" / "test")
    evaluation, _ = evaluate(tiny_detector, tmp_path / "data")
    assert (evaluation.split, evaluation.warning) == ("test", "")


def test_recall_is_told_apart_by_further_columns(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(bursts, tmp_path / "data")
    table = "filename\tonset\toffset\tevent_label\tsnr_db\n"
    table += "a.wav\t1.0\t1.6\thiss\t15\na.wav\t3.2\t3.4\thiss\t-4\nb.wav\t2.5\t3\trumble\t15\n"
    (tmp_path / "data" / "val" / "labels.tsv").write_text(table)
    assert main(["evaluate", str(tiny_detector), str(tmp_path / "data")]) == 0
    out = capsys.readouterr().out
    lines = out[out.index("recall by snr_db") :].splitlines()[:3]
    assert [line.split() for line in lines[1:]] == [
        ["hiss", "0.00", "of", "1", "1.00", "of", "1"],
        ["rumble", "-", "1.00", "of", "1"],
    ]


def _error(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()[-1]


def test_a_class_that_the_detector_does_not_know_is_named_by_file_and_line(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(bursts, tmp_path / "data")
    (tmp_path / "data" / "val" / "b.txt").write_text("1\t2\thiss\n3\t4\tdog\n")
    message = _error(capsys, "evaluate", str(tiny_detector), str(tmp_path / "data"))
    assert message == (
        f"error: {tmp_path}/data/val/b.txt:2: the detector does not know class 'dog', only rumble, hiss; "
        f"rename or ignore it in {tmp_path}/data/label_map.tsv"
    )
    (tmp_path / "data" / "label_map.tsv").write_text("label\tclass\ndog\t\n")
    assert evaluate(tiny_detector, tmp_path / "data")[0].figures.events.classes["hiss"].n_reference == 3


def test_a_split_that_does_not_exist_is_an_error(
    tiny_detector: Path, bursts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = _error(capsys, "evaluate", str(tiny_detector), str(bursts), "--split", "test")
    assert message == f"error: {bursts} has no split test (folders val/; splits: val); name one that it has, or all"


def test_a_recording_that_is_cut_off_stops_the_evaluation(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "val" / "a.flac"
    path.parent.mkdir()
    soundfile.write(path, noise_bursts(8.0, BURSTS), 16_000)
    path.write_bytes(path.read_bytes()[:50_000])
    (tmp_path / "val" / "a.txt").write_text("1\t2\thiss\n")
    message = _error(capsys, "evaluate", str(tiny_detector), str(tmp_path))
    assert message.startswith(f"error: {path}: ")


def test_a_detector_that_is_incomplete_stops_the_evaluation_and_nothing_changes(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.stapes"
    shutil.copytree(tiny_detector, broken)
    (broken / "model.tflite").unlink()
    before = sorted(bursts.rglob("*")) + sorted(broken.rglob("*"))
    assert "model.tflite missing" in _error(capsys, "evaluate", str(broken), str(bursts))
    assert sorted(bursts.rglob("*")) + sorted(broken.rglob("*")) == before


def test_scores_and_events_are_exported_for_other_libraries(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The layout that sed_scores_eval reads; PSDS computed by it from such files is the own figure."""
    out = tmp_path / "scores"
    words = ["evaluate", str(tiny_detector), str(bursts), "--scores", str(out)]
    assert main(words) == 0
    judged = evaluate(tiny_detector, bursts)[1].judged
    truth, found = read_dcase(out / "ground_truth.tsv"), read_dcase(out / "detected.tsv")
    assert truth["val__quiet.wav"] == []
    for each in judged:
        name = f"val__{each.recording.path.name}"
        assert truth[name] == list(each.recording.annotations)
        assert [(e.onset, e.label) for e in found[name]] == [(e.onset, e.label) for e in each.detected]
        table = [line.split("\t") for line in (out / "scores" / f"val__{each.recording.path.stem}.tsv").open()]
        assert [cell.strip() for cell in table[0]] == ["onset", "offset", "rumble", "hiss"]
        values = np.array(table[1:], np.float64)
        np.testing.assert_allclose(values[1:, 0], values[:-1, 1])
        assert values[0, 0] == 0.0
        # the tiny detector smooths over three steps; step k is the middle one
        smoothed = np.median(np.lib.stride_tricks.sliding_window_view(each.scores, 3, axis=0), axis=-1)
        np.testing.assert_allclose(values[1:-1, 2:], (smoothed + 128) / 256)
    capsys.readouterr()
    assert main(words) == 1
    assert "scores exists already" in capsys.readouterr().err


def test_the_warning_follows_the_recordings_not_the_name_of_their_part(tiny_detector: Path, tmp_path: Path) -> None:
    """Renamed, relabelled and in another split they are the same; other recordings of the same length are not."""
    data, other, tuned = tmp_path / "data", tmp_path / "other", tmp_path / "tuned.stapes"
    for seed, part in enumerate(("train", "val", "test")):
        for folder in (data, other):
            (folder / part).mkdir(parents=True)
            (folder / part / f"{part}.txt").write_text("1\t1.5\thiss\n")
        soundfile.write(data / part / f"{part}.wav", noise_bursts(4.0, BURSTS[:1], seed=seed), 16_000)
        soundfile.write(other / part / f"{part}.wav", noise_bursts(4.0, BURSTS[:1], seed=seed + 3), 16_000)
    shutil.copytree(tiny_detector, tuned)
    trained_on, chosen_on = (content_ids(open_dataset(data).splits[part]) for part in ("train", "val"))
    point = {"chosen_on": "val", "expected": {"macro_f1_onset": {"value": 0.5126}}, "recordings": chosen_on}
    replace(read_folder(tuned), operating_point=point, provenance={"trained_on": trained_on}).write()
    assert {part: evaluate(tuned, data, part)[0].warning for part in ("train", "val", "test")} == {
        "train": "the detector was trained on these recordings: the figures say little about other recordings "
        "(train/train.wav)",
        "val": "thresholds were chosen on these recordings: expect less on other recordings "
        "(macro F1 0.513 by onset with thresholds from other groups)",
        "test": "",
    }
    assert [evaluate(tuned, other, part)[0].warning for part in ("train", "val", "test")] == ["", "", ""]
    shutil.copy(data / "train" / "train.wav", other / "val" / "renamed.wav")
    (other / "val" / "renamed.txt").write_text("")
    assert evaluate(tuned, other, "val")[0].warning.startswith("the detector was trained on 1 of these 2 recordings:")
    whole = evaluate(tuned, other, "all")[0]
    assert (whole.split, whole.figures.events.n_recordings) == ("all", 4)
    assert whole.warning == (
        "the detector was trained on 1 of these 4 recordings: the figures say little about other recordings "
        "(val/renamed.wav)"
    )


def test_recordings_without_events_give_false_alarms_per_hour_and_nothing_else(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone without a dataset's layout, and beside a dataset, whose other figures stay what they are."""
    for name, heard in (("a", BURSTS[:2]), ("b", [])):
        soundfile.write(tmp_path / f"{name}.wav", noise_bursts(18.0, heard), 16_000)
    assert main(["evaluate", str(tiny_detector), "--background", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tiny_detector} on background of {tmp_path}: 2 recordings, 0.6 min\n")
    assert "recall" not in out
    row = next(line.split() for line in out.splitlines() if line.startswith("hiss"))
    assert row == ["hiss", "1", "100.0", "(at", "most", f"{AlarmRate(1, 0.01).at_most:.1f})"]
    alone, _ = evaluate(tiny_detector, bursts)
    beside, _ = evaluate(tiny_detector, bursts, judgement=Judgement(background=[tmp_path]))
    assert beside.figures.events == alone.figures.events
    assert beside.figures.psds_1 == alone.figures.psds_1
    before, after = (each.figures.alarms["hiss"] for each in (alone, beside))
    assert (after.alarms - before.alarms, after.hours - before.hours) == (1, pytest.approx(0.01))


def test_nothing_to_judge_is_an_error(tiny_detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "name a folder of labelled recordings" in _error(capsys, "evaluate", str(tiny_detector))


def test_tables_are_at_most_100_characters_wide(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tiny_detector), str(bursts), "--background", str(bursts / "val")]) == 1
    assert "is labelled in a recording of" in capsys.readouterr().err, "a background with events is refused"
    soundfile.write(tmp_path / "quiet.wav", noise_bursts(18.0, BURSTS), 16_000)
    assert main(["evaluate", str(tiny_detector), str(bursts), "--background", str(tmp_path)]) == 0
    assert max(len(line) for line in capsys.readouterr().out.splitlines()[1:]) <= 100


def test_a_background_that_copies_a_labelled_recording_is_refused(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = bursts / "val" / "a.wav"
    (tmp_path / "renamed.wav").write_bytes(original.read_bytes())
    assert main(["evaluate", str(tiny_detector), str(bursts), "--background", str(tmp_path)]) == 1
    said = f"renamed.wav: was declared free of events, but is the same recording as {original}"
    assert said in capsys.readouterr().err


def test_recordings_with_the_same_name_for_other_libraries_are_all_exported(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, names = tmp_path / "data" / "val", ["a/b.wav", "a__b.wav", "c.flac", "c.wav"]
    (folder / "a").mkdir(parents=True)
    for index, name in enumerate(names):
        soundfile.write(folder / name, noise_bursts(4.0, [(1.0, 1.5, "hiss")], seed=index), 16_000)
    rows = "".join(f"{name}\t1.0\t1.5\thiss\n" for name in names)
    (folder / "labels.tsv").write_text(f"filename\tonset\toffset\tevent_label\n{rows}")
    out = tmp_path / "scores"
    assert main(["evaluate", str(tiny_detector), str(folder.parent), "--scores", str(out)]) == 0
    expected = {"val__a__b", "val__a__b-2", "val__c", "val__c-2"}
    assert {path.stem for path in (out / "scores").iterdir()} == expected
    assert {Path(name).stem for name in read_dcase(out / "ground_truth.tsv")} == expected
    said = " ".join(capsys.readouterr().err.split())
    assert "val/a__b.wav is exported as val__a__b-2, because val__a__b is val/a/b.wav" in said
    assert "val/c.wav is exported as val__c-2, because val__c is val/c.flac" in said


@pytest.mark.parametrize("command", ["evaluate", "tune"])
def test_no_hour_of_the_background_counts_twice(
    tiny_detector: Path, bursts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """The background holds an event-free recording that is judged, and one of its own recordings twice."""
    background, original = tmp_path / "background", bursts / "val" / "quiet.wav"
    background.mkdir()
    soundfile.write(background / "0.wav", noise_bursts(20.0, [], seed=3), 16_000)
    words = [command, str(tiny_detector), str(bursts), "--background", str(background)]
    words += ["--json"] if command == "evaluate" else ["--threshold", "hiss=0.5", "--dry-run"]
    assert main(words) == 0
    once = capsys.readouterr()
    assert "count twice" not in once.err
    shutil.copy(background / "0.wav", background / "1.wav")
    shutil.copy(original, background / "2.wav")
    assert main(words) == 0
    twice = capsys.readouterr()
    assert twice.out == once.out
    said = " ".join(twice.err.split())
    assert f"2 of 3 recordings are left out, as their hours would count twice: {background / '1.wav'} (the same" in said
    assert f"{background / '2.wav'} (the same as {original})" in said


def test_a_recording_shorter_than_a_step_is_judged_with_the_others(
    tiny_detector: Path, bursts: Path, tmp_path: Path
) -> None:
    """There is nothing to find in 100 samples, and nothing to stumble over; `tune` chooses as without them."""
    data, detector = shutil.copytree(bursts, tmp_path / "data"), shutil.copytree(tiny_detector, tmp_path / "t.stapes")
    assert main(["tune", str(detector), str(data)]) == 0
    chosen = read_folder(detector).events
    soundfile.write(data / "val" / "click.wav", np.arange(100, dtype=np.int16), 16_000)
    (data / "val" / "click.txt").touch()
    (alone, _), (beside, heard) = evaluate(tiny_detector, bursts), evaluate(tiny_detector, data)
    assert [len(each.scores) for each in heard.judged if each.recording.path.stem == "click"] == [0]
    assert beside.figures.events.macro_f1_onset.value == alone.figures.events.macro_f1_onset.value
    assert beside.figures.psds_1.value == pytest.approx(alone.figures.psds_1.value)
    assert main(["tune", str(detector), str(data)]) == 0
    assert read_folder(detector).events == chosen


def test_evaluate_and_tune_count_the_same_false_alarms(tiny_detector: Path, bursts: Path, tmp_path: Path) -> None:
    """Recordings with events and without: one count for the figures and for the budgets; hours differ by part steps."""
    soundfile.write(tmp_path / "quiet.wav", noise_bursts(20.0, BURSTS), 16_000)
    folder, recordings = read_folder(tiny_detector), open_dataset(bursts).splits["val"]
    quiet = open_background([tmp_path])
    scored, background = (score_recordings(folder, each, features_of(folder, each)) for each in (recordings, quiet))
    point = OperatingPoint(scored, OperatingPointSettings(smoothing_steps=(3,)), background=background)
    found, _ = evaluate(tiny_detector, bursts, judgement=Judgement(background=[tmp_path]))
    for label, config in zip(folder.classes, folder.events, strict=True):
        budgeted = point.alarms(label, config)
        assert found.figures.alarms[label].alarms == budgeted.alarms > 0
        assert found.figures.alarms[label].hours == pytest.approx(budgeted.hours, rel=0.01)

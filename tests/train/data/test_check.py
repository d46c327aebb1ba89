"""`stapes check`: the report on a dataset before the first training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.runtime.labels import Annotation
from stapes.runtime.main import main
from stapes.train.data.dataset import open_dataset
from stapes.train.data.label_checks import label_runs
from stapes.train.data.listening import StretchCounter, Stretches, listen

MakeDataset = Callable[[dict[str, float | str | bytes]], Path]


def _pops(*times: float, length: float = 0.05) -> list[Annotation]:
    return [Annotation(time, time + length, "pop") for time in times]


@pytest.mark.parametrize(
    ("events", "step_s", "runs"),
    [
        (_pops(0.0, 1.0), 0.032, 2),
        (_pops(0.0, 0.08), 0.032, 1),  # active in steps 0-1 and 2-4: nothing between them
        (_pops(0.0, 0.08), 0.016, 2),  # steps 0-3 and 5-8
        (_pops(0.0, 0.064, length=0.032), 0.032, 2),  # ends where a step ends
        (_pops(0.5, 0.5, length=0.0), 0.032, 1),
        ([Annotation(0, 5, "pop"), *_pops(1.0, 6.0)], 0.032, 2),
        ([], 0.032, 0),
    ],
)
def test_label_runs_by_hand(events: list[Annotation], step_s: float, runs: int) -> None:
    assert label_runs(events, step_s) == runs


def test_label_runs_vs_counting_step_by_step() -> None:
    """The referee marks the active steps one by one and counts where activity begins."""
    rng = np.random.default_rng(5)
    for _ in range(100):
        onsets = rng.integers(0, 200, 12) * 0.01
        events = [Annotation(onset, onset + rng.integers(0, 20) * 0.01, "pop") for onset in onsets]
        active = np.zeros(60, bool)
        for each in events:
            begins = 0.04 * np.arange(60)
            inside = (each.onset < begins + 0.04 - 1e-9) & (each.offset > begins + 1e-9)
            active |= inside
            active[int(each.onset / 0.04 + 1e-9)] = True
        starts = np.flatnonzero(active & ~np.concatenate([[False], active[:-1]]))
        assert label_runs(events, 0.04) == len(starts)


def test_counts_durations_and_capacity_are_printed(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"train/a.wav": 60.0, "train/a.txt": "0\t0.1\tpop\n0.14\t0.2\tpop\n5\t9\tbang\n", "train/b.wav": 60.0}
    files |= {"train/b.txt": "", "val/c.wav": 30.0, "val/c.txt": "1\t1\tpop\n", "train/d.wav": 1.0}
    folder = make_dataset(files)
    assert main(["check", str(folder), "--step-ms", "16"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["train", "2", "2", "2.0", "1", "3"] in lines
    assert ["val", "1", "1", "0.5", "0", "1"] in lines
    assert ["bang", "1", "0", "25%", "4.00", "4.00", "4.00"] in lines
    assert ["pop", "2", "1", "75%", "0.00", "0.06", "0.10"] in lines
    assert ["pop", "100.0%", "66.7%", "66.7%"] in lines
    text = "\n".join(" ".join(line) for line in lines)
    assert "1 recordings without a label track: not annotated, left out" in text
    assert "point labels" in text
    assert "1 classes without events in a split: they cannot be evaluated there\nval: bang" in text
    assert "c.txt:1" in text


def test_every_problem_is_listed_and_the_exit_code_says_so(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    track = "0\tx\tpop\n1\t0\tpop\n0\t9\tpop\n0\t1\tpop\n"
    folder = make_dataset({"a.wav": 2.0, "a.txt": track, "b.wav": b"", "b.txt": ""})
    cut = folder / "c.flac"
    soundfile.write(cut, np.random.default_rng(0).normal(0, 0.1, 80_000).astype(np.float32), 8000)
    cut.write_bytes(cut.read_bytes()[:60_000])
    (folder / "c.txt").write_text("")
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr()
    for place in ("a.txt:1: ", "a.txt:2: ", "a.txt:3: ", "b.wav: ", "c.flac: "):
        assert f"{folder}/{place}" in printed.out
    assert "5 problems" in printed.out
    assert printed.err.splitlines()[-1] == f"error: {folder}: 5 problems, listed above; correct them first"


def test_a_single_problem_is_counted_in_the_singular(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_dataset({"a.wav": 2.0, "a.txt": "1\t0\tpop\n0\t1\tpop\n"})
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr()
    assert "\n1 problem\n" in printed.out
    assert printed.err.splitlines()[-1] == f"error: {folder}: 1 problem, listed above; correct them first"


def _lines_below(text: str, kind: str) -> list[str]:
    """Return the places below the heading that contains `kind`."""
    (heading,) = [line for line in text.splitlines() if kind in line]
    below = text.splitlines()[text.splitlines().index(heading) + 1 :]
    return [line.strip() for line in below[: below.index("") if "" in below else None]]


def _noise(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, round(16_000 * seconds))


def test_faults_of_the_sound_are_noted(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    gap = _noise(2, seed=1)
    gap[8000:12000] = 0
    sounds = {"clipped": 9 * _noise(2), "copy": _noise(2), "original": _noise(2), "silent": 0 * _noise(2)}
    sounds |= {"gap": gap, "offset": 0.05 + _noise(2, seed=2), "good": _noise(2, seed=3)}
    folder = make_dataset({f"{name}.txt": "0\t1\tpop\n0.5\t1.5\tpop\n" for name in sounds})
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", np.clip(samples, -1, 1), 16_000)
    soundfile.write(folder / "other.wav", _noise(2, seed=4), 8000)
    (folder / "other.txt").write_text("")
    assert main(["check", str(folder), "--group-pattern", "."]) == 0
    text = capsys.readouterr().out
    assert _lines_below(text, "digital silence from beginning to end") == [f"{folder}/silent.wav"]
    (clipped,) = _lines_below(text, "flat tops")
    assert clipped.startswith(f"{folder}/clipped.wav: ")
    (gap_line,) = _lines_below(text, "contain digital silence")
    assert gap_line == f"{folder}/gap.wav: 1 x, the first at 0.50 s, 250.0 ms in total"
    (offset,) = _lines_below(text, "DC offset")
    assert offset == f"{folder}/offset.wav: +5.0 % of full scale"
    assert _lines_below(text, "not at 16000 Hz") == [f"{folder}/other.wav: 8000 Hz"]
    assert f"{folder}/copy.txt:2: see {folder}/copy.txt:1" in _lines_below(text, "begin before another event ends")


def test_copies_are_noted_separately_within_a_split_and_across_splits(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["train/a", "train/b", "train/c", "val/d"]
    folder = make_dataset({f"{name}.txt": "0\t0.5\tpop\n" for name in names})
    for name, seed in zip(names, [0, 0, 1, 1], strict=True):
        soundfile.write((folder / name).with_suffix(".wav"), _noise(1, seed), 16_000)
    assert main(["check", str(folder)]) == 0
    text = capsys.readouterr().out
    assert _lines_below(text, "the same audio under different names") == ["train/a.wav: train/b.wav"]
    assert _lines_below(text, "more than one split under different names") == ["train/c.wav: val/d.wav"]


def test_labels_too_short_or_touching_are_noted(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    track = "0\t0.5\tpop\n0.505\t1\tpop\n2\t2.004\tpop\n2.01\t3\tbang\n"
    folder = make_dataset({"train/a.wav": 4.0, "train/a.txt": track})
    assert main(["check", str(folder)]) == 0
    text = capsys.readouterr().out
    track_file = f"{folder}/train/a.txt"
    assert _lines_below(text, "touch the one before") == [f"{track_file}:2: see {track_file}:1"]
    assert _lines_below(text, "shorter than half a step") == [f"{track_file}:3: 'pop', 4.0 ms"]


def test_sources_and_balance_of_classes_are_counted(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"a{i}.wav\t{j}\t{j}.5\tbark\tdog{i}\n" for i in range(4) for j in range(5)]
    rows.append("a1.wav\t0.6\t0.9\thoot\towl\n")
    table = "filename\tonset\toffset\tevent_label\tsource\n" + "".join(rows)
    folder = make_dataset({f"a{i}.wav": 6.0 for i in range(4)} | {"labels.tsv": table})
    assert main(["check", str(folder)]) == 0
    text = capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    assert ["bark", "2", "1", "1", "25%"] in lines
    assert _lines_below(text, "fewer than two independent sources") == ["hoot: all of its 1 events come from owl"]
    assert _lines_below(text, "less than a tenth") == ["hoot: 1, bark has 20"]
    assert "neither group nor source" not in text


def test_snr_vs_what_the_soundscapes_were_mixed_with(soundscapes: Path) -> None:
    """The referee is snr_db of events_meta.tsv, for events between 0 and 15 dB with no other event nearby."""
    given, measured = [], []
    for recording in open_dataset(soundscapes).splits["val"]:
        for event, ratio in zip(recording.annotations, listen(recording).snr_db, strict=True):
            snr_db = float(event.columns["snr_db"])
            if 0 <= snr_db <= 15 and not np.isnan(ratio):
                given.append(snr_db)
                measured.append(ratio)
    error = np.array(measured) - given
    assert len(error) > 100
    assert abs(np.median(error)) < 1.0
    assert np.quantile(np.abs(error), 0.75) < 3.0


@pytest.mark.parametrize("blocks", [[100], [1] * 100, [33, 1, 7, 0, 59]])
def test_stretches_vs_counting_by_hand_for_any_block_size(blocks: list[int]) -> None:
    true = np.zeros(100, bool)
    true[[0, 1, 2, 10, 30, 31, 32, 33, 34, 98, 99]] = True
    counter = StretchCounter(rate_hz=10, least=2)
    for block in np.split(true, np.cumsum(blocks)[:-1]):
        counter.push(block)
    assert counter.stretches() == Stretches(count=3, first_s=0.0, total_s=1.0)


def test_a_step_of_zero_is_refused(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(make_dataset({"a.wav": 1.0, "a.txt": ""})), "--step-ms", "0"]) == 1
    assert "a step of 0 ms" in capsys.readouterr().err


def test_a_missing_dataset_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {tmp_path}/none: no such folder")

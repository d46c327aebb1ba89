"""`stapes check`: what a person reads before the first training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stapes.runtime.labels import Annotation
from stapes.runtime.main import main
from stapes.train.check import label_runs

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


def test_label_runs_vs_counting_on_a_raster() -> None:
    """The same by marking steps one by one and counting where activity begins."""
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
    assert ["bang", "1", "0", "4.00", "4.00", "4.00"] in lines
    assert ["pop", "2", "1", "0.00", "0.06", "0.10"] in lines
    assert ["pop", "100.0%", "66.7%", "66.7%"] in lines
    text = "\n".join(" ".join(line) for line in lines)
    assert "1 recordings without a label track: not annotated, left out" in text
    assert "point labels" in text
    assert "1 classes without events in a part: nothing can be said about them there\nval: bang" in text
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
    assert printed.err.splitlines()[-1] == f"error: {folder}: 5 problems, listed above; mend first"


def test_one_problem_is_one_problem(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_dataset({"a.wav": 2.0, "a.txt": "1\t0\tpop\n0\t1\tpop\n"})
    assert main(["check", str(folder)]) == 1
    printed = capsys.readouterr()
    assert "\n1 problem\n" in printed.out
    assert printed.err.splitlines()[-1] == f"error: {folder}: 1 problem, listed above; mend first"


def test_silence_clipping_copies_and_overlaps_are_noted(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["clipped", "copy", "original", "silent"]
    folder = make_dataset({f"{name}.txt": "0\t1\tpop\n0.5\t1.5\tpop\n" for name in names})
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    for name, samples in zip(names, [noise * 9, noise, noise, noise * 0], strict=True):
        soundfile.write(folder / f"{name}.wav", np.clip(samples, -1, 1), 8000)
    assert main(["check", str(folder)]) == 0
    text = capsys.readouterr().out
    assert f"  {folder}/silent.wav\n" in text.split("digital silence")[1]
    assert f"  {folder}/clipped.wav: " in text.split("clipped in more than")[1]
    assert "  copy.wav: original.wav\n" in text.split("the same audio under other names")[1]
    assert f"  {folder}/copy.txt:2: see {folder}/copy.txt:1\n" in text.split("begin before another one ends")[1]


def test_a_step_of_no_use_is_refused(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(make_dataset({"a.wav": 1.0, "a.txt": ""})), "--step-ms", "0"]) == 1
    assert "a step of 0 ms" in capsys.readouterr().err


def test_a_missing_dataset_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {tmp_path}/none: no such folder")

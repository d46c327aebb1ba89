"""The samples of a split and its events: classes with point labels are told from those whose events have a duration."""

from pathlib import Path

import numpy as np
import soundfile

from stapes.train.data.corpus import load_corpus
from stapes.train.data.dataset import open_dataset


def test_a_class_is_labelled_as_points_when_none_of_its_events_has_a_duration(tmp_path: Path) -> None:
    rows = {
        "train": ["0.wav\t0.1\t0.1\tclick", "0.wav\t0.5\t0.5\tmixed", "0.wav\t0.7\t0.9\tmixed"],
        "val": ["0.wav\t0.2\t0.2\tclick", "0.wav\t0.2\t0.4\tbark"],
    }
    for split, lines in rows.items():
        (tmp_path / split / "audio").mkdir(parents=True)
        noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
        soundfile.write(tmp_path / split / "audio" / "0.wav", noise, 16_000)
        (tmp_path / split / "labels.tsv").write_text("\n".join(["filename\tonset\toffset\tevent_label", *lines]) + "\n")
    dataset = open_dataset(tmp_path)
    corpora = {
        split: load_corpus(split, dataset.splits[split], dataset.classes, 16_000, tmp_path / f"{split}.s16")
        for split in rows
    }
    named = {split: {dataset.classes[index] for index in corpus.point_classes} for split, corpus in corpora.items()}
    assert named == {"train": {"click"}, "val": {"click"}}
    clicks = dataset.classes.index("click")
    (events,) = corpora["train"].events
    assert [(onset, offset) for onset, offset, label in events if label == clicks] == [(1600, 2400)]

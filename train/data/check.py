"""`stapes check`: report what a dataset contains and what is wrong with it, before any training."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stapes.firmware_sim.errors import AudioError, ConfigError, DatasetError, StapesError
from stapes.firmware_sim.outputs import write_whole
from stapes.runtime.console import Progress
from stapes.train.data.dataset import Dataset, Recording, inspect_dataset
from stapes.train.data.findings import Findings, Note
from stapes.train.data.label_checks import events_of, label_runs, note_labels, sources_of
from stapes.train.data.listening import SNR_FLOOR_DB, AudioSummary, Stretches, listen
from stapes.train.data.options import AS_THEY_ARE, DatasetOptions
from stapes.train.data.parts import IN_PROPORTION, SAVED, saved_split
from stapes.train.text import table

PLACES_SHOWN = 20  # for each kind of note
FOLDERS_SHOWN = 20  # of each split
DC_SHARE = 0.01  # of full scale


def check(folder: Path, step_s: float, options: DatasetOptions = AS_THEY_ARE, write_split: bool = False) -> None:
    """Print the report of the dataset in `folder` for a detector with a score every `step_s` seconds.

    With `write_split` the split of every recording is written to split.tsv in `folder`, where it stays when recordings
    are added. Raises DatasetError when problems prevent training or evaluation, ConfigError for an impossible step, and
    OutputError when split.tsv cannot be written.
    """
    if not 1e-3 <= step_s <= 1:
        raise ConfigError(
            f"a step of {1e3 * step_s:g} ms is not between 1 and 1000 ms; detectors usually have one score per 16 to "
            "64 ms"
        )
    dataset, errors = inspect_dataset(folder, options)
    found = Findings(list(errors), list(dataset.notes))
    audio = listen_to_all(dataset.recordings, found)
    note_sound(dataset, audio, found)
    note_labels(dataset, step_s, found)
    for line in [*report(dataset, audio, step_s), *_problems(found.errors), *_notes(found.notes)]:
        print(line)
    if found.errors:
        raise DatasetError(f"{folder}: {_problem_count(found.errors)}, listed above; correct them first")
    if write_split:
        _write_split(dataset)


def _write_split(dataset: Dataset) -> None:
    path = dataset.path / SAVED
    write_whole(path, saved_split({each.name: split for split, part in dataset.splits.items() for each in part}))
    print(
        f"\n{path}: holds the split of {len(dataset.recordings)} recordings from now on; new ones are added around it"
    )


def listen_to_all(recordings: Sequence[Recording], found: Findings) -> dict[str, AudioSummary]:
    """Return a summary of the sound of each recording by its name; those that cannot be decoded are kept as errors."""
    audio: dict[str, AudioSummary] = {}
    progress = Progress("listening", len(recordings))
    for each in recordings:
        try:
            audio[each.name] = listen(each)
        except AudioError as error:
            found.error(error)
        progress.advance(each.name)
    progress.close(f"{len(recordings)} recordings")
    return audio


def note_sound(dataset: Dataset, audio: dict[str, AudioSummary], found: Findings) -> None:
    """Note what is wrong with the sound of recordings, given the summary of each by its name."""
    rates = Counter(each.rate_hz for each in audio.values())
    usual = max(rates, key=lambda rate: (rates[rate], rate), default=0)
    for name, each in audio.items():
        place = dataset.path / name
        if each.peak == 0:
            found.note("recordings are digital silence from beginning to end", place)
            continue
        if each.silent.count:
            found.note(
                "recordings contain digital silence: gaps, or the effect of a noise gate",
                place,
                _described(each.silent),
            )
        if each.clipped.count:
            found.note("recordings are clipped: their loudest sounds have flat tops", place, _described(each.clipped))
        if abs(each.dc) > DC_SHARE:
            found.note(
                "recordings have a DC offset: correct it in the recorder, or set dc_blocker in [frontend]",
                place,
                f"{100 * each.dc:+.1f} % of full scale",
            )
        if each.rate_hz != usual:
            found.note(
                f"recordings are not at {usual} Hz like most: the detector may learn the rate instead of the sound",
                place,
                f"{each.rate_hz} Hz",
            )
    _note_copies(dataset, audio, found)


def _described(stretches: Stretches) -> str:
    return f"{stretches.count} x, the first at {stretches.first_s:.2f} s, {1e3 * stretches.total_s:.1f} ms in total"


def _note_copies(dataset: Dataset, audio: dict[str, AudioSummary], found: Findings) -> None:
    copies: dict[str, list[str]] = defaultdict(list)
    split_of = {each.name: split for split, part in dataset.splits.items() for each in part}
    for name, each in audio.items():
        if each.peak:  # silent recordings are equal without being copies
            copies[each.content].append(name)
    for names in copies.values():
        if len({split_of[name] for name in names}) > 1:
            kind = "recordings are in more than one split under different names: scores will be too good"
            found.note(kind, names[0], ", ".join(names[1:]))
        elif len(names) > 1:
            found.note("recordings contain the same audio under different names", names[0], ", ".join(names[1:]))


def report(dataset: Dataset, audio: dict[str, AudioSummary], step_s: float) -> Iterator[str]:
    """Yield the lines of all tables: splits, classes, sources, signal-to-noise ratios, label capacity."""
    yield f"{dataset.path}: {dataset.split_by}"
    kinds = Counter(f"{each.rate_hz} Hz {_channels(each.channels)}" for each in audio.values())
    yield "audio: " + ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))
    yield ""
    rows = [
        [
            split,
            str(len(part)),
            str(len({each.group for each in part})),
            f"{sum(each.duration_s for each in part) / 60:.1f}",
            str(sum(not each.annotations for each in part)),
            str(sum(len(each.annotations) for each in part)),
        ]
        for split, part in dataset.splits.items()
    ]
    yield from table(["split", "recordings", "groups", "minutes", "event-free", "events"], rows)
    yield ""
    yield "what lies where, and why"
    yield from table(["split", "folder", "recordings", "minutes", "events", "why"], list(_part_rows(dataset)))
    if any(each.why.endswith(IN_PROPORTION) for each in dataset.recordings):
        yield "what is split in proportion may change its part when recordings are added; --write-split keeps it"
    yield ""
    header = ["class", *dataset.splits, "share", "shortest s", "median s", "longest s"]
    yield from table(header, list(_class_rows(dataset)))
    yield ""
    yield "independent sources, and the share of the events of a class that its largest source has"
    yield from table(["class", *dataset.splits, "largest"], list(_source_rows(dataset)))
    yield ""
    yield "signal-to-noise ratio: power of an event relative to the second before and after it, above 150 Hz"
    yield from table(["class", "median dB", "lowest", "highest", "below 0 dB", "measured"], _snr_rows(dataset, audio))
    yield ""
    steps = [step_s, 2 * step_s, 4 * step_s]
    yield "label capacity: share of events that stay separate if the detector has one score per"
    yield from table(["class", *(f"{1e3 * each:g} ms" for each in steps)], list(_capacity_rows(dataset, steps)))


def _part_rows(dataset: Dataset) -> Iterator[list[str]]:
    """Yield a row per split, folder and reason, at most FOLDERS_SHOWN for each split."""
    for split, part in dataset.splits.items():
        places: dict[tuple[str, str], list[Recording]] = defaultdict(list)
        for each in part:
            places[each.name.rpartition("/")[0] or ".", each.why].append(each)
        shown = sorted(places)[:FOLDERS_SHOWN]
        for folder, why in shown:
            yield [split, folder, *_amounts(places[folder, why]), why]
        if rest := [each for place in places if place not in shown for each in places[place]]:
            yield [split, f"{len(places) - len(shown)} more", *_amounts(rest), ""]


def _amounts(recordings: Sequence[Recording]) -> list[str]:
    """Return the number of recordings, their minutes and the number of their events."""
    minutes = sum(each.duration_s for each in recordings) / 60
    return [str(len(recordings)), f"{minutes:.1f}", str(sum(len(each.annotations) for each in recordings))]


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _source_rows(dataset: Dataset) -> Iterator[list[str]]:
    everywhere = sources_of(dataset.recordings)
    parts = [sources_of(part) for part in dataset.splits.values()]
    for label in dataset.classes:
        largest = max(everywhere[label].values()) / everywhere[label].total()
        yield [label, *(str(len(sources.get(label, ()))) for sources in parts), f"{largest:.0%}"]


def _snr_rows(dataset: Dataset, audio: dict[str, AudioSummary]) -> list[list[str]]:
    measured: dict[str, list[float]] = {label: [] for label in dataset.classes}
    for each in dataset.recordings:
        ratios = audio[each.name].snr_db if each.name in audio else ()
        for event, ratio in zip(each.annotations, ratios, strict=False):
            if not np.isnan(ratio):
                measured[event.label].append(ratio)
    events = events_of(dataset.recordings)
    return [[label, *_spread(ratios), f"{len(ratios)} of {events[label]}"] for label, ratios in measured.items()]


def _spread(ratios: Sequence[float]) -> list[str]:
    if not ratios:
        return ["-"] * 4
    lowest = "<= -10" if min(ratios) <= SNR_FLOOR_DB else f"{min(ratios):.0f}"
    return [f"{np.median(ratios):.1f}", lowest, f"{max(ratios):.0f}", f"{np.mean(np.array(ratios) < 0):.0%}"]


def _class_rows(dataset: Dataset) -> Iterator[list[str]]:
    events = [event for each in dataset.recordings for event in each.annotations]
    for label in dataset.classes:
        counts = [sum(e.label == label for each in part for e in each.annotations) for part in dataset.splits.values()]
        lengths = [event.offset - event.onset for event in events if event.label == label]
        share = f"{sum(counts) / max(1, len(events)):.0%}"
        yield [
            label,
            *map(str, counts),
            share,
            *(f"{each:.2f}" for each in (min(lengths), np.median(lengths), max(lengths))),
        ]


def _capacity_rows(dataset: Dataset, steps: Sequence[float]) -> Iterator[list[str]]:
    for label in dataset.classes:
        events = [[e for e in each.annotations if e.label == label] for each in dataset.recordings]
        total = sum(map(len, events))
        yield [label, *(f"{sum(label_runs(each, step) for each in events) / total:.1%}" for step in steps)]


def _problem_count(errors: Sequence[StapesError]) -> str:
    return "1 problem" if len(errors) == 1 else f"{len(errors)} problems"


def _problems(errors: Sequence[StapesError]) -> Iterator[str]:
    if errors:
        yield f"\n{_problem_count(errors)}"
        yield from (f"  {error}" for error in errors)


def _notes(notes: Sequence[Note]) -> Iterator[str]:
    kinds: dict[str, list[Note]] = defaultdict(list)
    for note in notes:
        kinds[note.kind].append(note)
    for kind, same in kinds.items():
        yield f"\n{len(same)} {kind}"
        yield from (f"  {note.place}{': ' + note.text if note.text else ''}" for note in same[:PLACES_SHOWN])
        if len(same) > PLACES_SHOWN:
            yield f"  and {len(same) - PLACES_SHOWN} more"

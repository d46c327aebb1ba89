"""Damaged label files of every format, through the readers and through `stapes labels`."""

import json
import math
import random
from functools import cache
from pathlib import Path

import pytest
from damage import Field, damaged_fields, damaged_text, packed
from fuzzing import Files, Fuzzer, fuzz, inputs, require_one_line

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.labels import Annotation
from stapes.runtime.labels.convert import Conversion, convert_labels
from stapes.runtime.labels.formats import LABEL_FORMATS, WRITTEN, Recordings, recognize

EVENTS = [
    Annotation(0.25, 1.5, "dog bark"),
    Annotation(2.0, 2.0, "Tür"),
    Annotation(3.125, 4.75, 'a "click", or two'),
    Annotation(61.5, 3600.25, "dog bark"),
]
RECORDINGS = {"hall.wav": EVENTS, "yard/door.flac": EVENTS[:2], "silence.wav": []}
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 9.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "birds"
        xmin = 0
        xmax = 9.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = ""
        intervals [2]:
            xmin = 1.5
            xmax = 9.5
            text = "a ""quoted"" wren"
    item [2]:
        class = "TextTier"
        name = "knocks"
        xmin = 0
        xmax = 9.5
        points: size = 1
        points [1]:
            number = 2.5
            mark = "knock"
"""
RAVEN = """Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tBegin Path\tFile Offset (s)\tSpecies
1\tSpectrogram 1\t1\t0.5\t1.25\tC:\\birds\\a.wav\t0.5\tRobin
2\tSpectrogram 1\t1\t10.5\t11.25\tC:\\birds\\b.wav\t1.5\tRobin
3\tSpectrogram 1\t1\t12\t13\tC:\\birds\\b.wav\t3\tnocall
"""
DCASE = "filename;onset;offset;event_label;group\na.wav;0:01:02,5;1:03.25;dog;yard\nb.wav;1;2;cat;hall\nc.wav;;;;hall\n"


@cache
def _texts(name: str) -> tuple[str, ...]:
    """Return whole files of a format."""
    form = LABEL_FORMATS[name]
    others = {"textgrid": TEXTGRID, "raven": RAVEN, "dcase": DCASE, "labelstudio": _labelstudio()}
    texts = [others[name]] if name in others else []
    texts += [form.write_all(RECORDINGS)] if form.write_all else []
    texts += [form.write_one(EVENTS)] if form.write_one else []
    return tuple(texts)


def _labelstudio() -> str:
    """Return an export of two uploaded recordings."""
    region = {"start": 0.5, "end": 1.25, "labels": ["Robin"], "channel": 0}
    result = {"type": "labels", "value": region, "original_length": 9.5, "from_name": "label", "to_name": "audio"}
    urls = ["/data/upload/1/0a1b2c3d-hall.wav", "http://host/data/yard%20one.wav?d=birds/yard.wav"]
    tasks = [{"id": 1, "data": {"audio": url}, "annotations": [{"result": [result, result]}]} for url in urls]
    return json.dumps(tasks, indent=1)


def _wav_marks() -> list[Field]:
    """Return the fields of a WAV with a point and a region, both with a label."""
    points = [(1, 400), (2, 800)]
    cue: list[Field] = [("4s", b"cue "), ("<I", 52), ("<I", 2)]
    for number, sample in points:
        cue += [("<I", number), ("<I", sample), ("4s", b"data"), ("<I", 0), ("<I", 0), ("<I", sample)]
    labels: list[Field] = [("4s", b"LIST"), ("<I", 60), ("4s", b"adtl")]
    for number, _ in points:
        labels += [("4s", b"labl"), ("<I", 8), ("<I", number), ("4s", b"pop\0")]
    labels += [("4s", b"ltxt"), ("<I", 20), ("<I", 2), ("<I", 160), ("4s", b"rgn "), ("<Q", 0)]
    form: list[Field] = [
        ("4s", b"fmt "),
        ("<I", 16),
        ("<H", 1),
        ("<H", 1),
        ("<I", 16_000),
        ("<I", 32_000),
        ("<I", 1 << 20 | 2),
    ]
    sound: list[Field] = [("4s", b"data"), ("<I", 2000), ("2000s", bytes(2000))]
    return [("4s", b"RIFF"), ("<I", 2172), ("4s", b"WAVE"), *form, *sound, *cue, *labels]


def _make(chance: random.Random) -> Files:
    name = chance.choice(sorted(LABEL_FORMATS))
    if name == "wav":
        return {"hall.wav": packed(damaged_fields(chance, _wav_marks()))}
    text = chance.choice(_texts(name))
    return {f"hall{LABEL_FORMATS[name].suffix}": damaged_text(chance, text)}


def _read(folder: Path) -> None:
    """Read a file, with and without --skip-bad, and convert it to every format; what was read is possible and kept."""
    (path,) = folder.iterdir()
    form = LABEL_FORMATS[recognize(path)]
    bad: list[StapesError] = []
    kept = form.read(path, bad)
    for error in bad:
        require_one_line(error)
        assert str(error).startswith(str(path)), f"the message does not name the file: {error}"
    for name, events in kept.items():
        assert isinstance(name, str)
        for event in events:
            assert 0 <= event.onset <= event.offset < math.inf, event
            assert isinstance(event.label, str), event
    if not bad:
        assert form.read(path, None) == kept, "--skip-bad changes what a file without bad rows says"
    for target in WRITTEN:
        _convert(path, target, kept)


def _convert(path: Path, target: str, kept: Recordings) -> None:
    """Convert a file; what was written is a file of its format and holds as many events."""
    out, form = path.parent / "out" / target, LABEL_FORMATS[target]
    try:
        convert_labels(Conversion([path], None, target, out / "labels" if form.write_all else out, None, {}))
    except StapesError:
        return
    written = [form.read(file, None) for file in out.rglob("*") if file.is_file()]
    before, after = _different(kept), sum(map(_different, written))
    assert after == before, f"{before} events became {after} in {target}"


def _different(recordings: Recordings) -> int:
    """Return the number of events that differ by a millisecond or more, or in their labels.

    Label Studio's reader takes repeated events for channels of one, and ELAN's times are whole milliseconds.
    """
    return sum(
        len({(round(1000 * each.onset), round(1000 * each.offset), each.label) for each in events})
        for events in recordings.values()
    )


@pytest.mark.slow
def test_damaged_label_files_are_read_rightly_or_refused_in_one_line() -> None:
    fuzz(Fuzzer("labels", _make, _read), inputs(2000))

"""JAMS and ELAN files compared with the libraries of these formats: each side reads what the other one writes.

The project does not depend on these libraries. `pip install jams pympi-ling` enables the tests.
"""

from pathlib import Path

import pytest

from stapes.firmware_sim.errors import StapesError
from stapes.runtime.labels import Annotation, read_elan, read_jams, write_elan, write_jams

EVENTS = [
    Annotation(0.1, 0.3, "early", 0.75),
    Annotation(1.0, 1.5, "siren"),
    Annotation(1.5, 2.25, 'dög & <x> "q"'),
    Annotation(1.7, 1.9, "siren"),
    Annotation(3.0, 3.0, "point"),
]


@pytest.mark.parametrize("events", [EVENTS, []])
def test_jams_reads_what_is_written(events: list[Annotation], tmp_path: Path) -> None:
    jams = pytest.importorskip("jams")
    (tmp_path / "a.jams").write_text(write_jams(events), encoding="utf-8")
    (annotation,) = jams.load(str(tmp_path / "a.jams"), strict=True, validate=True).annotations
    found = [(each.time, round(each.time + each.duration, 9), each.value, each.confidence) for each in annotation.data]
    assert found == [(each.onset, each.offset, each.label, each.confidence) for each in events]


def test_what_jams_writes_is_read(tmp_path: Path) -> None:
    jams = pytest.importorskip("jams")
    content = jams.JAMS()
    content.file_metadata.duration = 30.0
    for namespace, rows in (
        ("tag_open", [(each.onset, each.offset - each.onset, each.label) for each in EVENTS]),
        ("beat", [(5.0, 0.0, 1)]),
        ("pitch_contour", [(6.0, 0.0, {"index": 0, "frequency": 440.0, "voiced": True})]),
        ("segment_open", [(7.0, 1.25, "song")]),
    ):
        annotation = jams.Annotation(namespace=namespace, duration=30.0)
        for time, duration, value in rows:
            annotation.append(time=time, duration=duration, value=value)
        content.annotations.append(annotation)
    content.save(str(tmp_path / "a.jams"))
    expected = [Annotation(each.onset, each.offset, each.label) for each in EVENTS] + [Annotation(7.0, 8.25, "song")]
    assert read_jams(tmp_path / "a.jams") == {"a": expected}


def test_lines_are_right_where_annotations_have_times_too(tmp_path: Path) -> None:
    dense = '{"namespace": "pitch_contour",\n"data": {"time": [1.0], "duration": [0.0], "value": [{}]},\n"time": 0}'
    sparse = '{"time": 0, "namespace": "tag_open",\n"data": [\n{"time": -1, "duration": 1, "value": "pop"}]}'
    path = tmp_path / "a.jams"
    path.write_text(f'{{"annotations": [\n{dense},\n{sparse}]}}')
    collected: list[StapesError] = []
    assert read_jams(path, collected) == {"a": []}
    assert [str(each).split(";")[0] for each in collected] == [f"{path}:7: onset -1 s lies before the recording begins"]


@pytest.mark.parametrize("events", [EVENTS, []])
def test_pympi_reads_what_is_written(events: list[Annotation], tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan")
    (tmp_path / "a.eaf").write_text(write_elan(events), encoding="utf-8")
    found = elan.Eaf(str(tmp_path / "a.eaf")).get_annotation_data_for_tier("events")
    assert found == [(round(1000 * each.onset), round(1000 * each.offset), each.label) for each in events]


def test_what_pympi_writes_is_read(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan")
    content = elan.Eaf(author="someone")
    content.add_linked_file("file:///home/someone/my%20session.wav", mimetype="audio/x-wav")
    content.add_linguistic_type("dependent", constraints="Symbolic_Association", timealignable=False)
    content.add_tier("calls")
    content.add_tier("noise")
    content.add_tier("remarks", ling="dependent", parent="calls")
    content.add_annotation("calls", 1000, 1500, "siren")
    content.add_annotation("calls", 1500, 2250, "dög & <x>")
    content.add_annotation("noise", 1200, 1800, "")
    content.add_ref_annotation("remarks", "calls", 1100, "far away")
    content.to_file(str(tmp_path / "a.eaf"))
    expected = [Annotation(1.0, 1.5, "siren"), Annotation(1.2, 1.8, "noise"), Annotation(1.5, 2.25, "dög & <x>")]
    assert read_elan(tmp_path / "a.eaf") == {"my session.wav": expected}

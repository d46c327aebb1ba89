"""Praat's TextGrid in both text forms; texts between events are none, and a bad file is named by its line."""

from pathlib import Path

import pytest

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels import Annotation, read_textgrid
from stapes.runtime.main import main

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "barks 1"
        xmin = 0
        xmax = 2.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "dog ""Rex"""
        intervals [3]:
            xmin = 1.25
            xmax = 2.5
            text = " "
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 0.25
            mark = "click"
'''
SHORT = '''File type = "ooTextFile"
"TextGrid"

0
2.5
<exists>
2
"IntervalTier"
"barks 1"
0
2.5
3
0
0.5
""
0.5
1.25
"dog ""Rex"""
1.25
2.5
" "
"TextTier"
"clicks"
0
2.5
1
0.25
"click"
'''


def _file(folder: Path, text: str) -> Path:
    path = folder / "x.TextGrid"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [LONG, SHORT])
def test_intervals_and_points_with_text_are_events(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(tmp_path, text)
    found = read_textgrid(path)
    assert found == {"x": [Annotation(0.25, 0.25, "click"), Annotation(0.5, 1.25, 'dog "Rex"')]}
    assert [each.columns["tier"] for each in found["x"]] == ["clicks", "barks 1"]
    assert main(["labels", str(path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_file_without_tiers_is_a_recording_without_events(tmp_path: Path) -> None:
    text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 1\ntiers? <absent>\n'
    assert read_textgrid(_file(tmp_path, text)) == {"x": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":1: the file is not a TextGrid, or it is cut off: .ooTextFile. is missing"),
        (LONG[: LONG.index('text = " "')], r":25: the file is not a TextGrid, or it is cut off: a text is missing"),
        (LONG.replace("xmax = 1.25", "xmax = 0.25"), r":22: onset 0.5 s is after offset 0.25 s"),
        (LONG.replace('"TextGrid"', '"Sound"'), r":2: the file is .Sound., not a TextGrid"),
        (LONG.replace("intervals: size = 3", "intervals: size = 3.5"), r":14: a count is not a whole number"),
    ],
)
def test_a_bad_textgrid_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(LabelError, match=message):
        read_textgrid(path)
    collected: list[StapesError] = []
    assert read_textgrid(path, collected) == {}
    assert len(collected) == 1

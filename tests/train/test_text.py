"""Text tables: no wider than asked for, and every cell stands once."""

import numpy as np

from stapes.train.text import narrow_tables, table


def test_narrow_tables_show_every_column_once_within_the_width() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        header = ["class", *(f"h{column}" + "x" * int(rng.integers(0, 30)) for column in range(9))]
        rows = [[label, *(f"{label}{column}" for column in range(9))] for label in ("a", "long name")]
        lines = list(narrow_tables(header, rows, 60))
        assert max(len(line) for line in lines) <= 60
        words = " ".join(lines).split()
        for word in [*header[1:], *(each for row in rows for each in row[1:])]:
            assert words.count(word.split()[-1]) == 1
        assert len(list(narrow_tables(header, rows, 1000))) == 3, "one table where there is room"


def test_a_heading_of_two_lines_stands_at_the_bottom_of_the_headings() -> None:
    lines = list(table(["class", "F1\nonset", "alarms"], [["cry", "0.5", "3"]]))
    assert lines == ["          F1", "class  onset  alarms", "cry      0.5       3"]


def test_a_name_in_a_table_does_not_command_the_terminal() -> None:
    rows = [["\x1b[2Jpop\x07", "1"], ["beep", "22"]]
    for lines in (list(table(["class", "n"], rows)), list(narrow_tables(["class", "n"], rows, 80))):
        assert lines == ["class            n", r"\x1b[2Jpop\x07   1", "beep            22"]

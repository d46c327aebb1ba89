"""Tables of public datasets and programs, recognized by their headers: the nearest way to use each."""

import re
from collections.abc import Sequence
from itertools import takewhile

_WEAK = (
    "it says what a whole clip contains, not when; sort the clips into a folder per class and run "
    "`stapes labels CLIPS --from folders`, which finds the onsets"
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?")
_NO_HEADER = (
    "these are times without a header, as UrbanSound's tables of single recordings are: write them as an Audacity "
    "label track (onset, tab, offset, tab, label) with the name of the recording and the suffix .txt"
)
# Columns that only this table has -> what it is, and how to use it.
_TABLES: dict[tuple[str, ...], str] = {
    ("annotator", "annotation_id", "lead_time"): (
        "this is Label Studio's CSV, which packs regions into one cell; export as JSON instead"
    ),
    ("ytid", "start_seconds", "end_seconds", "positive_labels"): (
        "this is AudioSet's table of clips: " + _WEAK + ". AudioSet's strong labels can be read with --columns "
        "filename=segment_id,onset=start_time_seconds,offset=end_time_seconds,event_label=label"
    ),
    ("segment_id", "start_time_seconds", "end_time_seconds"): (
        "these are AudioSet's strong labels; run `stapes labels` with --columns "
        "filename=segment_id,onset=start_time_seconds,offset=end_time_seconds,event_label=label"
    ),
    ("fname", "labels", "mids"): "this is FSD50K's table of clips: " + _WEAK,
    ("filename", "event_labels"): "this is DESED's table of weak labels: " + _WEAK,
    ("slice_file_name", "fsid", "classid"): (
        "this is UrbanSound8K's table, whose times are those in the original recording: " + _WEAK
    ),
    ("filename", "fold", "target", "category"): "this is ESC-50's table of clips: " + _WEAK,
    ("start(s)", "end(s)", "commonname"): (
        "this is BirdNET's CSV; run `stapes labels` with --columns "
        "filename=File,onset='Start (s)',offset='End (s)',event_label='Common name'"
    ),
    ("selection", "begintime(s)", "endtime(s)"): (
        "this is a selection table of Raven; run `stapes labels` with --from raven"
    ),
}


def advice_for(lines: Sequence[str], delimiter: str) -> str:
    """Return what a table is and what to do with it, judged by the names of its columns; "" for an unknown table.

    AudioSet's tables have their header in the last of the comments at the beginning.
    """
    comments = list(takewhile(lambda line: line.startswith("#"), lines))
    header, delimiter = (comments[-1].lstrip("# "), ",") if comments else (lines[0], delimiter)
    cells = ["".join(name.split()).casefold() for name in header.split(delimiter)]
    if len(cells) > 1 and all(_NUMBER.fullmatch(cell) for cell in cells[:2]):
        return _NO_HEADER
    return next((advice for columns, advice in _TABLES.items() if set(cells).issuperset(columns)), "")

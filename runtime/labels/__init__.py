"""Labels and events as files. Each format is one small module with a reader and a writer.

A reader returns the annotations of a file; a writer returns the text of a file. Times are seconds from the start of the
recording. formats.py is the table of label formats, event_formats.py that of formats in which events are printed.
"""

from stapes.runtime.labels.annotation import MAX_LABEL_BYTES, Annotation, duplicates, overlapping
from stapes.runtime.labels.audacity import read_audacity, write_audacity
from stapes.runtime.labels.dcase import read_dcase, write_csv, write_dcase
from stapes.runtime.labels.elan import read_elan, write_elan
from stapes.runtime.labels.event_formats import EVENT_FORMATS, EventFormat
from stapes.runtime.labels.jams import read_jams, write_jams
from stapes.runtime.labels.labelstudio import read_labelstudio, write_labelstudio
from stapes.runtime.labels.raven import read_raven, write_raven
from stapes.runtime.labels.textgrid import read_textgrid

__all__ = [
    "EVENT_FORMATS",
    "MAX_LABEL_BYTES",
    "Annotation",
    "EventFormat",
    "duplicates",
    "overlapping",
    "read_audacity",
    "read_dcase",
    "read_elan",
    "read_jams",
    "read_labelstudio",
    "read_raven",
    "read_textgrid",
    "write_audacity",
    "write_csv",
    "write_dcase",
    "write_elan",
    "write_jams",
    "write_labelstudio",
    "write_raven",
]

"""ELAN annotation files (.eaf): XML with a table of times in milliseconds, and tiers of annotations that refer to it.

The label is the annotation's text, or the name of its tier when the text is empty. Annotations of dependent tiers have
no times of their own and are not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

from stapes.firmware_sim.errors import LabelError, StapesError
from stapes.runtime.labels.annotation import Annotation, Problems, parse_number, parse_times


@dataclass
class _Document:
    """The contents of the file as far as it has been parsed."""

    times_ms: dict[str, str] = field(default_factory=dict)  # time slot -> milliseconds as text
    media: str = ""
    tier: str = ""
    # (line, tier, first time slot, last time slot, text) of each annotation
    found: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    text: str | None = None  # of the annotation that is being parsed; None outside of annotations


def read_elan(path: Path, collected: list[StapesError] | None = None) -> dict[str, list[Annotation]]:
    """Return {name: annotations}; the name is that of the file's media, or the file's own stem.

    `columns` of an annotation names its tier. Raises LabelError for a bad annotation, or puts it into `collected` and
    skips the annotation.
    """
    problems = Problems(collected)
    document = _parse(path, problems)
    events = []
    for line, tier, first, last, text in document.found:
        place = f"{path}:{line}"
        try:
            onset, offset = parse_times(_seconds(document, first, place), _seconds(document, last, place), place)
        except LabelError as error:
            problems.keep(error)
        else:
            label = " ".join(text.split()) or tier
            events.append(Annotation(onset, offset, label, columns={"tier": tier}, place=place))
    name = unquote(document.media).replace("\\", "/").rsplit("/", 1)[-1] or path.stem
    return {name: sorted(events, key=lambda each: (each.onset, each.offset))}


def _seconds(document: _Document, slot: str, place: str) -> str:
    if slot not in document.times_ms:
        raise LabelError(f"{place}: the annotation has no time (slot {slot!r}); align it in ELAN")
    return repr(parse_number(document.times_ms[slot], "time", place) / 1000)


def _parse(path: Path, problems: Problems) -> _Document:
    document, parser = _Document(), expat.ParserCreate()

    def start(name: str, given: dict[str, str]) -> None:
        if name == "TIME_SLOT" and "TIME_VALUE" in given:
            document.times_ms[given.get("TIME_SLOT_ID", "")] = given["TIME_VALUE"]
        elif name == "MEDIA_DESCRIPTOR" and not document.media:
            document.media = given.get("RELATIVE_MEDIA_URL") or given.get("MEDIA_URL", "")
        elif name == "TIER":
            document.tier = given.get("TIER_ID", "")
        elif name == "ALIGNABLE_ANNOTATION":
            slots = given.get("TIME_SLOT_REF1", ""), given.get("TIME_SLOT_REF2", "")
            document.found.append((parser.CurrentLineNumber, document.tier, *slots, ""))
            document.text = ""

    def end(name: str) -> None:
        if name == "ALIGNABLE_ANNOTATION" and document.text is not None:
            document.found[-1] = (*document.found[-1][:4], document.text)
            document.text = None

    def text(data: str) -> None:
        if document.text is not None:
            document.text += data

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    try:
        parser.Parse("\n".join(problems.lines(path)), True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        problems.add(f"{path}:{error.lineno}", f"the file is not ELAN's XML ({reason}); save it again in ELAN")
    return document


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def write_elan(annotations: Sequence[Annotation]) -> str:
    """Return the text of a file for one recording, with one tier and times to the millisecond."""
    times = [round(1000 * each) for event in annotations for each in (event.onset, event.offset)]
    slots = "".join(f'  <TIME_SLOT TIME_SLOT_ID="ts{i}" TIME_VALUE="{time}"/>\n' for i, time in enumerate(times))
    rows = "".join(
        f'  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i}" TIME_SLOT_REF1="ts{2 * i}" '
        f'TIME_SLOT_REF2="ts{2 * i + 1}"><ANNOTATION_VALUE>{_escaped(each.label)}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        for i, each in enumerate(annotations)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="1970-01-01T00:00:00Z" FORMAT="3.0" VERSION="3.0"\n'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\n'
        ' xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">\n'
        ' <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>\n'
        f" <TIME_ORDER>\n{slots} </TIME_ORDER>\n"
        f' <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="events">\n{rows} </TIER>\n'
        ' <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>\n'
        "</ANNOTATION_DOCUMENT>\n"
    )

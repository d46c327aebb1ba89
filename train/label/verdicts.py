"""`stapes inbox` as tables: the clips that wait to be sorted, and the verdicts of a person on them."""

import logging
from collections import Counter
from pathlib import Path
from typing import cast

from stapes.firmware_sim.errors import ConfigError, LabelError, StapesError
from stapes.runtime.labels.table import read_table
from stapes.train.label.inbox import JUDGING, Inbox, Verdict, require_verdict

logger = logging.getLogger(__name__)

_COLUMNS = ("clip", "kind", "label", "probability", "threshold", "utc", "verdict")


def print_waiting(clips: Path, dataset: Path) -> None:
    """Print a table of the clips that wait, the oldest first. Raises as `Inbox` and `Inbox.waiting` do."""
    print("\t".join(_COLUMNS))
    for each in Inbox(clips, dataset).waiting():
        numbers = ("" if value is None else f"{value:.3f}" for value in (each.probability, each.threshold))
        utc = each.begins.isoformat(timespec="milliseconds").replace("+00:00", "Z") if each.begins else ""
        print("\t".join([each.name, each.kind, each.label, *numbers, utc, ""]))


def sort_by_table(clips: Path, dataset: Path, table: Path) -> None:
    """Sort the clips that a table gives a verdict on, and tell where they went.

    Rows without a verdict wait on. Nothing is moved unless every row can be understood.
    Raises LabelError with file and line for a row that cannot, and what `Inbox.sort` raises.
    """
    inbox = Inbox(clips, dataset)
    rows: list[tuple[str, str, Verdict, str]] = []
    # In the table that is printed, `label` is what the detector heard; for `other` it is changed to what it was.
    for place, row in read_table(table, ["clip", "verdict"], optional=["label"]):
        clip, verdict, label = row["clip"], row["verdict"], row.get("label", "")
        if not verdict:
            continue
        try:
            require_verdict(clip, verdict, label)
            if verdict != "undo":
                known = inbox.sound(clip)
                if verdict == "other" and label == inbox.info(known).label:
                    raise ConfigError(f"{clip}: `other` with the class {label!r} that was heard; write the right class")
        except StapesError as error:
            raise LabelError(f"{place}: {error}") from error
        rows.append((place, clip, cast(Verdict, verdict), label if verdict == "other" else ""))
    for place, clip, verdict, label in rows:
        try:
            inbox.sort(clip, verdict, label)
        except StapesError as error:
            raise type(error)(f"{place}: {error}") from error
    counts = Counter(verdict for _, _, verdict, _ in rows)
    for name in counts:
        logger.info(f"{counts[name]} {name}")
    set_aside = inbox.counts()[JUDGING]
    logger.info(f"{set_aside} clips are set aside for judging in {inbox.places[JUDGING]}, whatever was said of them")

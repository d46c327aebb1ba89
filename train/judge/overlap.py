"""Recordings that a detector was made with: figures on them say little about other recordings."""

from collections.abc import Sequence

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.train.data.content import content_id
from stapes.train.data.dataset import Recording
from stapes.train.text import first_names


def content_ids(recordings: Sequence[Recording]) -> list[str]:
    """Return 16 hexadecimal digits per recording; they depend on the file's content, not on its name or labels."""
    return [content_id(each.path) for each in recordings]


def overlap_warning(folder: DetectorFolder, recordings: Sequence[Recording]) -> str:
    """Return why figures on these recordings are too good; empty if the detector was not made with any of them."""
    if trained_on := trained_on_warning(folder, recordings):
        return trained_on
    point = folder.operating_point
    if known := _count(content_ids(recordings), point.get("recordings", [])):
        expected = (point.get("expected") or {}).get("macro_f1_onset", {}).get("value")
        hint = f" (macro F1 {expected:.3f} by onset with thresholds from other groups)" if expected else ""
        return f"thresholds were chosen on {known}: expect less on other recordings{hint}"
    return ""


def trained_on_warning(folder: DetectorFolder, recordings: Sequence[Recording]) -> str:
    """Return how many of these recordings the detector was trained on, and what that means; empty if none."""
    own, trained_on = content_ids(recordings), folder.provenance.get("trained_on", [])
    known = _count(own, trained_on)
    if not known:
        return ""
    names = [each.name for each, content in zip(recordings, own, strict=True) if content in trained_on]
    return f"the detector was trained on {known}: the figures say little about other recordings ({first_names(names)})"


def not_trained_on(folder: DetectorFolder, recordings: Sequence[Recording]) -> list[Recording]:
    """Return the recordings that the detector was not trained on."""
    trained_on = folder.provenance.get("trained_on", [])
    return [
        each for each, content in zip(recordings, content_ids(recordings), strict=True) if content not in trained_on
    ]


def _count(own: Sequence[str], others: Sequence[str]) -> str:
    """Return words for how many of the recordings are among the others; empty for none."""
    shared = len(set(own) & set(others))
    return "these recordings" if shared == len(set(own)) else f"{shared} of these {len(own)} recordings" * bool(shared)

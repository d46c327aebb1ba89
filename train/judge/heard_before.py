"""Which recordings a detector was made with: figures on those say little about others."""

import hashlib
from collections.abc import Sequence

from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.train.data.dataset import Recording

_BYTES_READ = 1 << 16  # recordings may be hours long


def identities(recordings: Sequence[Recording]) -> list[str]:
    """Return 16 hex digits per recording: the same wherever its file lies, whatever it is called or labelled."""
    return [_identity(each) for each in recordings]


def _identity(recording: Recording) -> str:
    size = recording.path.stat().st_size
    with recording.path.open("rb") as file:
        file.seek(max(0, (size - _BYTES_READ) // 2))  # recordings of one logger begin alike, and may end in silence
        return hashlib.sha256(b"%d\n" % size + file.read(_BYTES_READ)).hexdigest()[:16]


def heard_before(folder: DetectorFolder, recordings: Sequence[Recording]) -> str:
    """Return why figures on these recordings flatter the detector; empty where nothing is known against them."""
    own = identities(recordings)
    point = folder.operating_point
    if known := _count(own, folder.provenance.get("trained_on", [])):
        return f"the detector was trained on {known}: the figures say little about other recordings"
    if known := _count(own, point.get("recordings", [])):
        expected = (point.get("expected") or {}).get("macro_f1_onset", {}).get("value")
        hint = f" (macro F1 {expected:.3f} by onset with thresholds from other groups)" if expected else ""
        return f"thresholds were chosen on {known}: expect less on other recordings{hint}"
    return ""


def _count(own: Sequence[str], others: Sequence[str]) -> str:
    """Say how many of the recordings are among the others; empty for none."""
    shared = len(set(own) & set(others))
    return "these recordings" if shared == len(set(own)) else f"{shared} of these {len(own)} recordings" * bool(shared)

"""What a worker does: it detects events in recordings, with the detector folder that the job contains."""

import hashlib
import platform
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stapes.firmware_sim.device.folder import REQUIRED
from stapes.firmware_sim.errors import AudioError, DetectorFolderError
from stapes.runtime.audio import AudioFile
from stapes.runtime.batch.listing import RecordingFile, fetch, is_url, reason
from stapes.runtime.batch.recording_times import Start, StartClock
from stapes.runtime.detector import Detector


@dataclass(frozen=True)
class Outcome:
    """The result of one recording: its events, or why it could not be read."""

    found: RecordingFile
    seconds: float = 0.0
    clipped: int = 0  # samples that the conversion saturated
    start: Start | None = None
    events: Sequence[tuple[int, int, str, float]] = ()  # onset sample, offset sample, label, confidence
    error: str = ""  # why the recording could not be read
    host: str = ""  # machine of the cluster on which the error occurred


@dataclass(frozen=True)
class Job:
    """All that a worker needs except the recordings. It is sent to other machines as a whole."""

    files: Mapping[str, bytes]  # name in the detector folder -> content
    engine: str
    clock: StartClock
    hash: str  # SHA-256 of the files, which determine the events
    channel: int | None  # counted from 1; None: the mean of all channels
    names_host: bool  # whether outcomes name the machine on which something went wrong
    sensitivity: Mapping[str, int] = field(default_factory=dict)  # class -> steps

    @classmethod
    def of(cls, detector: Path, engine: str, clock: StartClock, names_host: bool, channel: int | None = None) -> "Job":
        """Pack the files of a detector folder that detecting needs."""
        files = {name: (detector / name).read_bytes() for name in REQUIRED}
        return cls(files, engine, clock, hash_of(files), channel, names_host)


def hash_of(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of the names and contents of files."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


_jobs: dict[str, Job] = {}
_of_thread = threading.local()  # a detector processes one recording at a time, so each thread has its own


def install(job: Job) -> None:
    """Make a job known to this process. Raises DetectorFolderError when its files changed on the way."""
    if hash_of(job.files) != job.hash:
        raise DetectorFolderError(
            f"the detector that reached {platform.node()} differs from the one that was sent; "
            "check the network and run again"
        )
    _jobs[job.hash] = job


def hear_recordings(job_hash: str, recordings: Sequence[RecordingFile]) -> list[Outcome]:
    """Detect the events of recordings, one after the other. A recording that cannot be read gets an outcome too."""
    job = _jobs[job_hash]
    detector = _detector(job)
    return [_hear(job, detector, found) for found in recordings]


def _detector(job: Job) -> Detector:
    if getattr(_of_thread, "hash", None) != job.hash:
        with tempfile.TemporaryDirectory(prefix="stapes-") as folder:
            for name, content in job.files.items():
                Path(folder, name).write_bytes(content)
            _of_thread.detector, _of_thread.hash = Detector.load(folder, job.engine), job.hash
    detector: Detector = _of_thread.detector
    for label in detector.classes:  # the thread may have used the same detector for another job
        detector.set_sensitivity(label, job.sensitivity.get(label, 0))
    return detector


def _hear(job: Job, detector: Detector, found: RecordingFile) -> Outcome:
    path = Path(found.place)
    try:
        with _local_copy(found) as path:
            file = AudioFile(path, detector.sample_rate_hz, job.channel)
            start = job.clock.start_of(path, found.name)
            events = detector.detect(file)
        if file.duration_s == 0:
            raise AudioError("the file contains no sound, only a header")
    except (AudioError, OSError) as error:
        message = reason(error) if isinstance(error, OSError) else str(error).removeprefix(f"{path}: ")
        return Outcome(found, error=message, host=platform.node() if job.names_host else "")
    rows = [(each.onset_sample, each.offset_sample or 0, each.label, each.confidence) for each in events]
    return Outcome(found, file.duration_s, file.clipped, start, rows)


@contextmanager
def _local_copy(found: RecordingFile) -> Iterator[Path]:
    """Yield the path of the recording; one at a URL is downloaded, and the copy is deleted afterwards."""
    if not is_url(found.place):
        yield Path(found.place)
        return
    with tempfile.TemporaryDirectory(prefix="stapes-") as folder:
        path = Path(folder, Path(found.name).name)
        fetch(found, path)
        yield path

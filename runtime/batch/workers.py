"""The workers that process recordings: processes on this machine or those of a Dask cluster, driven by one loop.

Both are executors of concurrent.futures, so the loop is the same for both. When a worker dies, the recordings that it
had are processed again, one at a time; when a recording kills its worker a second time, it is reported as unreadable.
"""

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import DupFd
from typing import IO, Any, Protocol

from stapes.firmware_sim.errors import ToolchainError
from stapes.runtime.batch.hearing import Job, Outcome, hear_recordings, install
from stapes.runtime.batch.listing import RecordingFile
from stapes.runtime.console import Form, show, shown_form

Group = Sequence[RecordingFile]
GROUP_BYTES, GROUP_RECORDINGS = 16 << 20, 64  # about a second of work, far more than the cost of sending it to a worker


class Workers(Protocol):
    """Workers that process groups of recordings."""

    died: tuple[type[BaseException], ...]  # the exceptions of a future whose worker died

    @property
    def count(self) -> int:
        """Return how many groups can be processed at the same time at present."""

    def executor(self) -> Executor:
        """Return the executor to which groups are submitted."""

    def renew(self) -> None:
        """Called after a worker died: make sure that the next group finds a working one."""

    def close(self) -> None:
        """Stop all workers."""


class LocalProcesses:
    """Processes on this machine. They end when this process ends, for whatever reason."""

    died: tuple[type[BaseException], ...] = (BrokenProcessPool,)

    def __init__(self, job: Job, count: int) -> None:
        self._job_file, self._count = _JobFile(job), count
        self._other_children = set(multiprocessing.active_children())
        self._pool: ProcessPoolExecutor | None = None

    @property
    def count(self) -> int:
        """Return the number of processes."""
        return self._count

    def executor(self) -> Executor:
        """Return the pool, whose processes start with the first group."""
        if self._pool is None:
            self._pool = _Pool(
                self._count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin_process,
                initargs=(self._job_file, shown_form()),
            )
        return self._pool

    def renew(self) -> None:
        """Drop the pool, which is unusable once a process died; `executor` starts another."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        self._pool = None

    def close(self) -> None:
        """Terminate the processes. Work whose results they have not returned is lost."""
        for process in set(multiprocessing.active_children()) - self._other_children:
            process.terminate()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._job_file.close()


class _Pool(ProcessPoolExecutor):
    """A pool whose `submit` says in one way only that a process has died."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Submit as usual. Raises BrokenProcessPool also where the pool closes its pipes just now."""
        try:
            return super().submit(function, *arguments, **named)
        except OSError as error:
            if error.errno is not None:  # of the system, such as too many open files
                raise
            raise BrokenProcessPool(f"a process died meanwhile ({error})") from error


class _JobFile:
    """A job in a file without a name, which new processes read through an inherited descriptor.

    What is passed to a new process directly is written into a pipe that holds 64 KiB. A job is larger, and when a
    process dies before it has read the pipe, writing the rest would never end.
    """

    def __init__(self, job: Job) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="stapes-")  # noqa: SIM115  (`close` closes it)
        pickle.dump(job, self._file)
        self._file.flush()

    def __getstate__(self) -> Any:
        return DupFd(self._file.fileno())

    def __setstate__(self, descriptor: Any) -> None:
        self._file = open(descriptor.detach(), "rb")  # noqa: SIM115  (`close` closes it)

    def job(self) -> Job:
        """Return the job. All processes share the position in the file, so it is read without one."""
        file = self._file.fileno()
        job: Job = pickle.loads(os.pread(file, os.fstat(file).st_size, 0))
        return job

    def close(self) -> None:
        """Close the file, which is gone when no process has it open."""
        self._file.close()


def _begin_process(job_file: _JobFile, form: Form | None) -> None:
    if form:
        show(form)
    # Ctrl-C reaches all processes of the terminal. Only the parent reacts to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    install(job_file.job())
    job_file.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def in_groups(recordings: Sequence[RecordingFile], workers: int) -> list[Group]:
    """Divide recordings into groups: large enough to be worth sending, small enough that every worker gets some."""
    limit = min(GROUP_BYTES, sum(each.size for each in recordings) // (8 * max(1, workers)))
    groups: list[list[RecordingFile]] = []
    size = 0
    for found in recordings:
        if not groups or size + found.size > limit or len(groups[-1]) == GROUP_RECORDINGS:
            groups.append([])
            size = 0
        groups[-1].append(found)
        size += found.size
    return list(groups)


def hear_all(job: Job, groups: Sequence[Group], workers: Workers) -> Iterator[list[Outcome]]:
    """Yield the outcomes of every group, in the order in which groups finish.

    Raises ToolchainError when all workers are lost.
    """
    waiting, suspects = deque(groups), deque[Group]()
    pending: dict[Future[list[Outcome]], Group] = {}
    while waiting or suspects or pending:
        retries = bool(suspects) and not pending
        if retries:
            _submit(job, suspects.popleft(), workers, pending)
        while waiting and not suspects and not retries and len(pending) < 2 * workers.count:
            _submit(job, waiting.popleft(), workers, pending)
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            group = pending.pop(future)
            try:
                yield future.result()
            except workers.died:
                workers.renew()
                if retries:
                    yield [Outcome(group[0], error="the process that read it died twice (out of memory, or a crash)")]
                else:
                    suspects.extend([found] for found in group)
            except (CancelledError, OSError) as error:
                raise ToolchainError(
                    f"the workers are lost ({error or type(error).__name__}); run the same command again, "
                    "which continues this run"
                ) from error


def _submit(job: Job, group: Group, workers: Workers, pending: dict[Future[list[Outcome]], Group]) -> None:
    while True:
        try:
            pending[workers.executor().submit(hear_recordings, job.hash, group)] = group
            return
        except workers.died:
            workers.renew()

"""Who hears the recordings: processes on this machine or the workers of a Dask cluster, driven by one loop.

Both are executors of concurrent.futures, so the loop does not know which it drives. A recording whose worker dies is
heard again, alone; when that worker dies too, the recording is at fault and is listed like one that cannot be read.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from stapes.firmware_sim.errors import ToolchainError
from stapes.runtime.batch.hearing import Job, Outcome, hear_recordings, install
from stapes.runtime.batch.listing import RecordingFile
from stapes.runtime.console import is_shown, show

Group = Sequence[RecordingFile]
GROUP_BYTES, GROUP_RECORDINGS = 16 << 20, 64  # about a second of work: far more than handing it over costs


class Workers(Protocol):
    """Something that hears groups of recordings."""

    died: tuple[type[BaseException], ...]  # what a future raises when its worker is gone

    @property
    def count(self) -> int:
        """How many groups are heard at the same time now."""

    def executor(self) -> Executor:
        """Return what takes groups."""

    def renew(self) -> None:
        """A worker died: what is submitted from now on must find living ones."""

    def close(self) -> None:
        """Stop whatever still works."""


class LocalProcesses:
    """Fresh processes on this machine, which end when this one does, however it does."""

    died: tuple[type[BaseException], ...] = (BrokenProcessPool,)

    def __init__(self, job: Job, count: int) -> None:
        self._job, self._count = job, count
        self._strangers = set(multiprocessing.active_children())
        self._pool: ProcessPoolExecutor | None = None

    @property
    def count(self) -> int:
        """As many as were asked for."""
        return self._count

    def executor(self) -> Executor:
        """Return the pool; its processes begin when the first group comes."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin_process,
                initargs=(self._job, is_shown()),
            )
        return self._pool

    def renew(self) -> None:
        """The pool ends as a whole when one process dies; the next group makes another."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        self._pool = None

    def close(self) -> None:
        """End the processes in the middle of their work: what they did not hand over is not counted as done."""
        for process in set(multiprocessing.active_children()) - self._strangers:
            process.terminate()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _begin_process(job: Job, shows_log: bool) -> None:
    if shows_log:
        show()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    install(job)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def in_groups(recordings: Sequence[RecordingFile], workers: int) -> list[Group]:
    """Cut into groups that are worth handing over, and enough of them for every worker to have its share."""
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
    """Yield what became of every group, as they are done. ToolchainError when the cluster is lost."""
    waiting, suspects = deque(groups), deque[Group]()
    pending: dict[Future[list[Outcome]], Group] = {}
    while waiting or suspects or pending:
        alone = bool(suspects) and not pending
        if alone:
            _submit(job, suspects.popleft(), workers, pending)
        while waiting and not suspects and not alone and len(pending) < 2 * workers.count:
            _submit(job, waiting.popleft(), workers, pending)
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            group = pending.pop(future)
            try:
                yield future.result()
            except workers.died:
                workers.renew()
                if alone:
                    yield [Outcome(group[0], error="the process that read it died twice (out of memory, or a crash)")]
                else:
                    suspects.extend([found] for found in group)
            except (CancelledError, OSError) as error:
                raise ToolchainError(
                    f"the workers are lost ({error or type(error).__name__}); run the same command again: "
                    "it goes on where it was"
                ) from error


def _submit(job: Job, group: Group, workers: Workers, pending: dict[Future[list[Outcome]], Group]) -> None:
    while True:
        try:
            pending[workers.executor().submit(hear_recordings, job.hash, group)] = group
            return
        except workers.died:
            workers.renew()

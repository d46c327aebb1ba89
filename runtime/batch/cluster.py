"""The workers of a Dask cluster; needs the extra `cluster` here and on them."""

import logging
import time
from concurrent.futures import Executor

from distributed import Client, KilledWorker, Worker, WorkerPlugin

from stapes.firmware_sim.errors import ToolchainError
from stapes.runtime.batch.hearing import Job, install

logger = logging.getLogger(__name__)

TIMEOUT_S = 20
COUNT_EVERY_S = 5.0


class Bring(WorkerPlugin):
    """Gives the job to every worker there is, and to those that come later or come back."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.name = f"stapes-{job.hash}"

    def setup(self, worker: Worker) -> None:
        """Run by each worker before its first task."""
        install(self.job)


class Cluster:
    """The workers that a scheduler knows; ToolchainError when it does not answer.

    Dask gives the work of a lost worker to another one. What it does twice comes back twice at most as one future, and
    the journal takes a recording once.
    """

    died: tuple[type[BaseException], ...] = (KilledWorker,)

    def __init__(self, job: Job, scheduler: str) -> None:
        try:
            self._client = Client(scheduler, timeout=TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ToolchainError(f"no Dask scheduler answers at {scheduler} ({error})") from error
        if not self._client.nthreads():
            logger.info(f"{scheduler} has no workers; waiting for the first (dask worker {scheduler} on each machine)")
        self._client.register_plugin(Bring(job))
        self._executor = self._client.get_executor(pure=False)
        self._counted_at, self._count = 0.0, 1

    @property
    def count(self) -> int:
        """Threads of all workers; they may come and go."""
        if time.monotonic() - self._counted_at > COUNT_EVERY_S:
            self._count = max(1, sum(self._client.nthreads().values()))
            self._counted_at = time.monotonic()
        return self._count

    def executor(self) -> Executor:
        """Return the cluster as an executor."""
        executor: Executor = self._executor
        return executor

    def renew(self) -> None:
        """Nothing to do: nannies bring workers back, and the plugin gives them the job."""

    def close(self) -> None:
        """Leave the cluster; what it still had to do for this client is given up."""
        self._client.close()

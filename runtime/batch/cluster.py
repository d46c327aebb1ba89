"""The workers of a Dask cluster. The extra `cluster` must be installed on this machine and on the workers."""

import logging
import time
from concurrent.futures import Executor

from distributed import Client, KilledWorker, Security, Worker, WorkerPlugin

from stapes.firmware_sim.errors import ToolchainError
from stapes.runtime.batch.hearing import Job, install

logger = logging.getLogger(__name__)

TIMEOUT_S = 20
COUNT_EVERY_S = 5.0


class JobPlugin(WorkerPlugin):
    """Gives the job to every worker, including those that join or return later."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.name = f"stapes-{job.hash}"

    def setup(self, worker: Worker) -> None:
        """Install the job; each worker calls this before its first task."""
        install(self.job)


class Cluster:
    """The workers that a scheduler knows. Raises ToolchainError when it does not answer, or certificates are missing.

    Dask gives the work of a lost worker to another one. Work that was done twice still comes back as one future, and
    the journal takes each recording once.
    """

    died: tuple[type[BaseException], ...] = (KilledWorker,)

    def __init__(self, job: Job, scheduler: str) -> None:
        if scheduler.startswith(("tls:", "wss:")) and not Security().get_connection_args("client").get("ssl_context"):
            raise ToolchainError(
                f"--scheduler {scheduler}: no certificates are set for encrypted connections; name them in Dask's "
                "configuration (distributed.comm.tls), or use tcp://"
            )
        try:
            self._client = Client(scheduler, timeout=TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ToolchainError(
                f"no Dask scheduler answers at {scheduler} ({error}); check the address, or start `dask scheduler`"
            ) from error
        if not self._client.nthreads():
            logger.info(f"{scheduler} has no workers yet; waiting (start `dask worker {scheduler}` on each machine)")
        self._client.register_plugin(JobPlugin(job))
        self._executor = self._client.get_executor(pure=False)
        self._counted_at, self._count = 0.0, 1

    @property
    def count(self) -> int:
        """Return the number of threads of all workers at present, counted every few seconds."""
        if time.monotonic() - self._counted_at > COUNT_EVERY_S:
            self._count = max(1, sum(self._client.nthreads().values()))
            self._counted_at = time.monotonic()
        return self._count

    def executor(self) -> Executor:
        """Return the cluster as an executor."""
        executor: Executor = self._executor
        return executor

    def renew(self) -> None:
        """Do nothing: Dask restarts workers, and the plugin gives them the job."""

    def close(self) -> None:
        """Disconnect from the cluster, which then drops the remaining work of this client."""
        self._client.close()

"""The distributions of this checkout, built once for all tests of packaging."""

import fcntl

import pytest

from benchmarks.light_install import Distributions, build_distributions


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The sdist and the wheel of this checkout."""
    # Setuptools gathers an sdist in the checkout itself, where the builds of two processes of pytest would meet.
    with open(tmp_path_factory.getbasetemp().parent / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build_distributions(tmp_path_factory.mktemp("dist"))

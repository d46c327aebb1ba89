"""The distributions of this checkout, built once for all tests of packaging."""

import pytest

from benchmarks.light_install import Distributions, build_distributions


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The sdist and the wheel of this checkout."""
    return build_distributions(tmp_path_factory.mktemp("dist"))

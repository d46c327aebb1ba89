"""What tests of exports share; generated models are built in a folder of this run, not in the user's cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from esphome_host import quick_library

from stapes.convert.export.library import Library


@pytest.fixture(scope="session", autouse=True)
def own_build_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def library(compiled_detector: Path) -> Library:
    """The tiny detector in one C file."""
    return quick_library(compiled_detector)

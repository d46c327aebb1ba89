"""The studio of an empty dataset, and a browser, for tests that ask its interface or use its page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Chromium
from studio_browser import SIZE

from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """An empty folder; files of tests that need recordings have a fixture of this name of their own."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    return folder


@pytest.fixture
def server(dataset: Path) -> Iterator[StudioServer]:
    """A studio of the dataset, without a detector."""
    server = StudioServer(Address(port=0), Studio(dataset))
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that the tests of a file share."""
    if shutil.which("chromium") is None:
        pytest.skip("needs Debian's chromium")
    with Chromium(tmp_path_factory.mktemp("browser") / "profile", SIZE) as chromium:
        yield chromium

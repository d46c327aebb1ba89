"""The sdist and the wheel hold what they need and nothing else, and describe themselves to an index."""

import re
import subprocess
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from benchmarks.light_install import Distributions

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("firmware_sim", "runtime", "convert", "train")


def _source_files(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def in_wheel(distributions: Distributions) -> set[str]:
    with zipfile.ZipFile(distributions.wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(distributions: Distributions, in_wheel: set[str]) -> Message:
    (name,) = (name for name in in_wheel if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(distributions.wheel) as archive:
        return message_from_bytes(archive.read(name))


def test_one_wheel_serves_every_python_from_3_11(distributions: Distributions) -> None:
    assert "-cp311-abi3-" in distributions.wheel.name


def test_the_wheel_holds_every_file_of_the_four_folders_and_no_other(in_wheel: set[str]) -> None:
    packed = {name for name in in_wheel if ".dist-info/" not in name}
    expected = {f"stapes/{name}" for name in _source_files(*FOLDERS)}
    expected |= {"stapes/firmware_sim/_native.abi3.so", *_source_files("stapes")}
    assert packed == expected, "a new kind of file needs a line in [tool.setuptools.package-data] of pyproject.toml"


def test_the_sdist_holds_all_that_a_build_reads_and_the_docs(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "pyproject.toml",
        "setup.py",
        "README.md",
        "LICENSE",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    }
    assert not (needed | _source_files(*FOLDERS, "docs")) - packed
    assert not [name for name in packed if name.startswith(("tests", "benchmarks"))]
    assert not [name for name in packed if name.endswith((".pyc", ".so", "/_native.c"))]


def test_the_version_is_that_of_pyproject(metadata: Message) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["Version"] == project["version"]


def test_the_description_links_to_nothing_that_an_index_cannot_show(metadata: Message) -> None:
    text = metadata.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert text.startswith("# stapes")
    assert [target for target in re.findall(r"\]\(([^)]+)\)", text) if not target.startswith("http")] == []
    assert "docs/demo.png" in text


def test_only_the_extras_that_train_need_tensorflow_and_its_limit_on_python(metadata: Message) -> None:
    assert metadata["Requires-Python"] == ">=3.11"
    requirements = metadata.get_all("Requires-Dist") or []
    tensorflow = [need for need in requirements if need.startswith(("tensorflow", "tf-keras"))]
    assert len(tensorflow) == 3
    for need in tensorflow:
        assert re.search(r"""; python_version < ["']3.14["'] and extra == ["']train["']$""", need), need

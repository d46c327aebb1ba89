"""Build the C of the device as a Python extension, find the packages, and prepare the description for package indexes.

Everything else is in pyproject.toml. The top-level folders are imported as `stapes.train`, `stapes.convert`, … `stapes`
itself is a namespace without an __init__.py, so that no folder can shadow it.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

FOLDERS = ("firmware_sim", "runtime", "convert", "train")


def description() -> str:
    """Return the README as it can be shown away from the repository.

    A package index resolves no relative link, so a picture becomes its caption and a link its text, each with the path
    of the file in the source distribution.
    """
    text = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)", r"*\1* (picture: `\2`)\n", text)
    text = re.sub(r"\[([^\]]*)\]\(\1\)", r"`\1`", text)
    return re.sub(r"\[([^\]]*)\]\((?!https?:|#)([^)]+)\)", r"\1 (`\2`)", text)


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    packages=[
        f"stapes.{name}"
        for folder in FOLDERS
        for name in (folder, *(f"{folder}.{room}" for room in find_packages(folder)))
    ],
    py_modules=["stapes.__main__"],
    package_dir={f"stapes.{folder}": folder for folder in FOLDERS},
    cffi_modules=["firmware_sim/_build_ffi.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

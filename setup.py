"""Build the C of the device as a Python extension, and find the packages; everything else stands in pyproject.toml.

The top-level folders are imported as `stapes.train`, `stapes.convert`, … `stapes` itself is a namespace without an
__init__.py, so that no folder can shadow it.
"""

from setuptools import find_packages, setup

FOLDERS = ("firmware_sim", "runtime", "convert", "train")

setup(
    packages=[
        f"stapes.{name}"
        for folder in FOLDERS
        for name in (folder, *(f"{folder}.{room}" for room in find_packages(folder)))
    ],
    package_dir={f"stapes.{folder}": folder for folder in FOLDERS},
    cffi_modules=["firmware_sim/_build_ffi.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)

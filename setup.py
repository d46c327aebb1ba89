"""Build the C of the device as a Python extension; everything else stands in pyproject.toml."""

from setuptools import setup

setup(
    cffi_modules=["firmware_sim/_build_ffi.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)

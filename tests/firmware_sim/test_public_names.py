"""`stapes.firmware_sim` offers its public names without loading anything before they are used."""

import doctest
import subprocess
import sys

import pytest

import stapes.firmware_sim
from stapes.firmware_sim.device.host import CompiledModel


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, stapes.firmware_sim; print(sorted({'numpy', 'cffi'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in stapes.firmware_sim.__all__:
        assert getattr(stapes.firmware_sim, name).__name__ == name
    assert stapes.firmware_sim.CompiledModel is CompiledModel


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'colour'"):
        stapes.firmware_sim.colour  # noqa: B018


def test_the_examples_of_the_package_run() -> None:
    found = doctest.testmod(stapes.firmware_sim)
    assert (found.failed, found.attempted > 5) == (0, True)

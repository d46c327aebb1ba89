"""Finds the extra that installs a missing module in the metadata of the installed package."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import requires

from stapes.firmware_sim.errors import ToolchainError

# Modules whose names differ from those of their packages by more than "-" and "_".
PACKAGE_OF = {"paho": "paho-mqtt", "sklearn": "scikit-learn"}


@dataclass(frozen=True)
class Need:
    """A package that an extra needs."""

    package: str
    extra: str
    python_before: tuple[int, ...] | None  # the extra needs it only for versions of Python before this one


def needs_of_extras(requirements: Iterable[str]) -> Iterator[Need]:
    """Yield the packages of all extras, given the metadata's lines such as `httpx>=0.27; extra == "webhook"`."""
    for line in requirements:
        name, extra = re.match(r"[\w.-]+", line), re.search(r"""extra == ["'](\w+)["']""", line)
        before = re.search(r"""python_version < ["']([\d.]+)["']""", line)
        if name and extra:
            limit = tuple(map(int, before[1].split("."))) if before else None
            yield Need(name[0].lower().replace("_", "-"), extra[1], limit)


def missing_extra(error: ModuleNotFoundError) -> ToolchainError | None:
    """Return an error that names the extra to install; None for a module that belongs to no extra, which is a bug."""
    module = (error.name or "").split(".")[0]
    package = PACKAGE_OF.get(module, module.lower().replace("_", "-"))
    need = next((need for need in needs_of_extras(requires("stapes") or ()) if need.package == package), None)
    if need is None:
        return None
    if need.python_before and sys.version_info >= need.python_before:
        limit, here = (".".join(map(str, version[:2])) for version in (need.python_before, sys.version_info))
        return ToolchainError(
            f"this needs {module}, which this version of stapes can use only with Python before {limit}; this is "
            f"Python {here}: make an environment with an older Python, and there: pip install 'stapes[{need.extra}]'"
        )
    return ToolchainError(f"this needs {module}, which is not installed: pip install 'stapes[{need.extra}]'")

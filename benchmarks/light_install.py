"""The size of an environment that detects, compiles and exports, but does not train: `make bench-install`.

stapes is built as a wheel and installed without extras into a fresh virtual environment, with the dependencies pinned
in requirements/light.txt. Printed and written to results/install.csv: the megabytes (10^6 bytes) that each package
takes on disk, bytecode included, without pip itself. Needs the package index.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from benchmarks.rows import write_rows

ROOT = Path(__file__).resolve().parents[1]
NOT_NEEDED = ("pip", "setuptools")  # what `python -m venv` adds


@dataclass(frozen=True)
class Distributions:
    """The files that `python -m build` writes; the wheel is built from the sdist."""

    sdist: Path
    wheel: Path


def build_distributions(out: Path) -> Distributions:
    """Build both distributions in the folder `out`, with the setuptools and cffi of this environment."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    _run(command, cwd=out)  # in the repository, Python would take the folder build/ for the package `build`
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Distributions(sdist, wheel)


def install_wheel(wheel: Path, environment: Path) -> None:
    """Make the virtual environment `environment` with the wheel and its pinned dependencies, without extras.

    RuntimeError with pip's words when it fails, as it does where the package index cannot be reached.
    """
    _run([sys.executable, "-m", "venv", str(environment)])
    pip = [str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "--require-hashes", "-r", str(ROOT / "requirements/light.txt")])
    _run([*pip, "install", "--no-deps", "--no-index", str(wheel)])
    _run([*pip, "check"])


def installed_megabytes(environment: Path) -> dict[str, float]:
    """Return how many megabytes each installed package takes, the largest first."""
    (site_packages,) = environment.glob("lib/python*/site-packages")
    sizes = {
        found.name: _bytes(found) / 1e6
        for found in distributions(path=[str(site_packages)])
        if found.name not in NOT_NEEDED
    }
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _bytes(installed: Distribution) -> int:
    paths = [Path(str(installed.locate_file(file))) for file in installed.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _run(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Build, install, measure; print the table and keep it in results/install.csv."""
    with tempfile.TemporaryDirectory() as folder:
        install_wheel(build_distributions(Path(folder)).wheel, Path(folder) / "environment")
        sizes = installed_megabytes(Path(folder) / "environment")
    for name, megabytes in sizes.items():
        print(f"{name:<20} {megabytes:6.1f} MB")
    print(f"{'together':<20} {sum(sizes.values()):6.1f} MB")
    write_rows("install", [{"package": name, "megabytes": f"{megabytes:.2f}"} for name, megabytes in sizes.items()])


if __name__ == "__main__":
    main()

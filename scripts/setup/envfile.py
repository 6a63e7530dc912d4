"""Writing `.deps/env.sh`: what a shell needs to build, test and run the project.

The file is POSIX sh and finds the project from where it lies, so that it holds no path of the
project itself (plain sh, which cannot know that, takes the working folder or VEDETTE_ROOT).
"""

import os
from pathlib import Path

import layout
import ort
import pythons
import ros
from gpu_machine import Machine
from ros import Ros
from steps import SetupError, Step

HEAD = """\
# Written by scripts/setup. Source it: `. .deps/env.sh` (in plain sh from the project's root).

if [ -n "${BASH_SOURCE:-}" ]; then
    _vedette_root=$(cd "$(dirname "${BASH_SOURCE}")/.." && pwd)
elif [ -n "${ZSH_VERSION:-}" ]; then
    eval '_vedette_root=${${(%):-%x}:A:h:h}'
else
    _vedette_root=${VEDETTE_ROOT:-$PWD}
fi
if [ ! -f "$_vedette_root/.deps/env.sh" ]; then
    echo "env.sh: $_vedette_root is not the project's root; cd there or set VEDETTE_ROOT" >&2
    unset _vedette_root
    return 1
fi

# Put a folder in front of a list variable, unless it is there already.
_vedette_prepend() {
    eval "_vedette_old=\\${$1:-}"
    case ":$_vedette_old:" in
        *":$2:"*) ;;
        *) export "$1=$2${_vedette_old:+:$_vedette_old}" ;;
    esac
}

"""

TAIL = """
unset _vedette_root _vedette_old
unset -f _vedette_prepend
"""


def step(chosen: Ros, machine: Machine, keys: list[str]) -> Step:
    """The step that writes the file; `keys` are those of the steps that it describes."""
    gpu = [str(ort.library(machine)), *map(str, ort.gpu_library_dirs(machine))]
    return Step(
        "env",
        lambda: write(chosen, machine),
        [layout.HERE / "envfile.py", ros.compiler_include_dir(), *keys, *gpu],
        [layout.ENV_FILE],
    )


def write(chosen: Ros, machine: Machine) -> str:
    """Write the file whole, or not at all."""
    lines = sourced_ros_lines() if chosen.sourced else own_ros_lines()
    lines += common_lines(chosen, machine)
    scratch = layout.ENV_FILE.with_suffix(".partial")
    scratch.write_text(HEAD + "\n".join(lines) + "\n" + TAIL)
    scratch.replace(layout.ENV_FILE)
    return f"`. {layout.shown(layout.ENV_FILE)}` sets the environment"


def in_root(path: Path) -> str:
    """`path` as the script spells it."""
    return f"$_vedette_root/{path.relative_to(layout.ROOT)}"


def prepend(variable: str, paths: list[Path]) -> list[str]:
    """Lines after which `variable` begins with `paths`, in their order."""
    return [f'_vedette_prepend {variable} "{in_root(path)}"' for path in reversed(paths)]


def own_ros_lines() -> list[str]:
    """The project's own ROS 2: everything is in one prefix."""
    return [
        "export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3 RMW_IMPLEMENTATION=rmw_fastrtps_cpp",
        f'export AMENT_PREFIX_PATH="{in_root(layout.ROS_PREFIX)}"',
        *prepend("LD_LIBRARY_PATH", ros.library_dirs()),
        *prepend("PATH", [layout.ROS_PREFIX / "bin"]),
    ]


def sourced_ros_lines() -> list[str]:
    """Beside a sourced ROS 2: the interfaces that it lacks, and the tools."""
    prefix = layout.INTERFACES_PREFIX
    modules = sorted(prefix.glob("lib/python3.*/site-packages")) + sorted(
        prefix.glob("local/lib/python3.*/dist-packages")
    )
    return [
        *prepend("AMENT_PREFIX_PATH", [prefix] if prefix.is_dir() else []),
        *prepend("LD_LIBRARY_PATH", [prefix / "lib"] if prefix.is_dir() else []),
        *prepend("PYTHONPATH", modules),
        *prepend("PATH", [layout.TOOLS_PREFIX / "bin"]),
    ]


def common_lines(chosen: Ros, machine: Machine) -> list[str]:
    """What the build and the node need with any ROS 2. The user's own choices stay."""
    libclang = pythons.site_packages(chosen.python_prefix) / "clang" / "native"
    headers = ros.compiler_include_dir()
    if not headers or not os.path.isdir(headers):
        raise SetupError("there is no C compiler", "on Debian or Ubuntu: apt-get install gcc libc6-dev; or set CC")
    profile = in_root(layout.ROOT / "config" / "fastdds.xml")
    return [
        f'export LIBCLANG_PATH="{in_root(libclang)}"',
        f'export BINDGEN_EXTRA_CLANG_ARGS="${{BINDGEN_EXTRA_CLANG_ARGS:--I{headers}}}"',
        'case "${ORT_DYLIB_PATH:-}" in',
        f'    "" | {in_root(layout.DEPS)}/*) export ORT_DYLIB_PATH="{in_root(ort.library(machine))}" ;;',
        "esac",
        *prepend("LD_LIBRARY_PATH", ort.gpu_library_dirs(machine)),
        'if [ -z "${FASTRTPS_DEFAULT_PROFILES_FILE:-}${FASTDDS_DEFAULT_PROFILES_FILE:-}" ]; then',
        f'    export FASTRTPS_DEFAULT_PROFILES_FILE="{profile}" FASTDDS_DEFAULT_PROFILES_FILE="{profile}"',
        "fi",
    ]

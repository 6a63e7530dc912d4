"""What is said beside the files: the install note, the shell's set-up, the Debian control file."""

import platform
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from prefix import MESSAGES, PREFIX, PROGRAMS

DEBIAN_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

SETUP = """\
# Source it in bash or zsh, after ROS's own: `. /opt/ros/{distro}/setup.bash && . <this folder>/setup.sh`. In plain sh set
# VEDETTE_PREFIX to this folder first.
if [ -n "${{BASH_SOURCE:-}}" ]; then
    _vedette_prefix=$(cd "$(dirname "${{BASH_SOURCE}}")" && pwd)
elif [ -n "${{ZSH_VERSION:-}}" ]; then
    eval '_vedette_prefix=${{${{(%):-%x}}:A:h}}'
else
    _vedette_prefix=${{VEDETTE_PREFIX:-{prefix}}}
fi
export AMENT_PREFIX_PATH="$_vedette_prefix${{AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}}"
export LD_LIBRARY_PATH="$_vedette_prefix/lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
export PYTHONPATH="$_vedette_prefix/{python}${{PYTHONPATH:+:$PYTHONPATH}}"
export PATH="$_vedette_prefix/lib/vedette:$PATH"
unset _vedette_prefix
"""

INSTALL = """\
# Vedette {version} for {distro}, {machine}

Needs Linux with glibc {glibc} or later (`ldd --version` shows yours). No compiler, no Rust.

**Without ROS** the program works where it lies:

    lib/vedette/vedette check
    lib/vedette/vedette replay BAG --out out.mcap

**The node** needs ROS 2 {distro} with these packages:

    apt-get install {packages}

    source /opt/ros/{distro}/setup.bash
    source setup.sh
    ros2 run vedette vedette_node --ros-args -r image:=/camera/image -p model:=/path/to/best.onnx
    ros2 launch vedette vedette.launch.py image:=/camera/image

Python nodes import `vedette_msgs` in {python}; for another Python, and for C++, build `msgs/vedette_msgs` of the source.

**Models.** No weights are inside: they have licenses of their own. `share/vedette/models` holds manifests;
`lib/vedette/vedette models list` tells what is missing, and `-p model:=best.onnx` takes your own export as it is.

**ONNX Runtime** for the CPU is inside (`lib/vedette`). For a GPU set ORT_DYLIB_PATH to the libonnxruntime.so of a build
with CUDA or TensorRT; `lib/vedette/vedette check` says what it finds, and what is missing.

Vedette is under Apache-2.0 (`share/vedette/LICENSE`); `licenses/` has the licenses of all else that is inside.
"""

CONTROL = """\
Package: vedette
Version: {version}
Architecture: {machine}
Maintainer: The Vedette developers <maintainers@vedette.invalid>
Installed-Size: {kilobytes}
Depends: libc6 (>= {glibc}), libgcc-s1, libstdc++6
Recommends: {packages}
Section: science
Priority: optional
Description: A ROS 2 perception node
 Camera topics in, ONNX vision models, detections and checked plans out. Under {prefix}: the node for ROS 2
 {distro}, the command vedette, which needs no ROS, ONNX Runtime for the CPU. No weights.
"""


def ros_packages(folder: Path, distro: str) -> list[str]:
    """The Debian packages of ROS that the node is linked with, as its manifest names them."""
    manifest = ElementTree.parse(folder / "share/vedette/package.xml").getroot()
    names = [element.text.strip() for element in manifest.iter("depend") if element.text]
    return [f"ros-{distro}-{name.replace('_', '-')}" for name in names if name != MESSAGES]


def newest_glibc(folder: Path) -> str:
    """The version of glibc that the programs and libraries ask for: the newest symbol version that any names."""
    files = [folder / "lib/vedette" / name for name in PROGRAMS] + sorted(folder.rglob("*.so*"))
    found = {int(minor) for file in files for minor in re.findall(rb"\0GLIBC_2\.(\d+)(?=[\0.])", file.read_bytes())}
    return f"2.{max(found)}"


def python_folder(folder: Path) -> str:
    """Where Python's modules are, from `folder`."""
    found = sorted(folder.glob("**/vedette_msgs/__init__.py"))[0]
    return str(found.parents[1].relative_to(folder))


def facts(folder: Path, version: str, distro: str) -> dict[str, str]:
    """What the texts say."""
    python = python_folder(folder)
    return {
        "version": version,
        "distro": distro,
        "machine": platform.machine(),
        "glibc": newest_glibc(folder),
        "prefix": str(PREFIX),
        "python": python,
        "packages": " ".join(ros_packages(folder, distro)),
    }


def write(folder: Path, version: str, distro: str) -> None:
    """The texts that lie in the folder."""
    told = facts(folder, version, distro)
    (folder / "setup.sh").write_text(SETUP.format(**told))
    python = re.search(r"python3\.\d+", told["python"])
    told["python"] = python[0].replace("python", "Python ") if python else "Python 3"
    (folder / "INSTALL.md").write_text(INSTALL.format(**told))


def control(folder: Path, version: str) -> str:
    """The Debian package's own description."""
    distro = folder.name.rpartition("-")[2]
    told = facts(folder, version, distro)
    told["machine"] = DEBIAN_MACHINES.get(told["machine"], told["machine"])
    told["packages"] = ", ".join(ros_packages(folder, distro))
    size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
    return CONTROL.format(**told, kilobytes=(size + 1023) // 1024)

"""The folder that is packed: an ament prefix, as `package/CMakeLists.txt` lays it out, with the message package in it."""

import os
import shutil
import subprocess
from pathlib import Path

import layout
import process
from steps import SetupError

# Written into the environment hooks: where the Debian package puts it. Elsewhere setup.sh says where it is.
PREFIX = Path("/opt/vedette")
PROGRAMS = ("vedette", "vedette_node")
MESSAGES = "vedette_msgs"
# What only a compiler reads, and shell hooks with the path of the folder in which they were made.
NOT_OF_MESSAGES = ("cmake", "environment", "hook", "local_setup.*", "package.*sh", "package.dsv", "__pycache__", "*.c")
BUILD_CURE = "`make build`, then `. .deps/env.sh`, and run again"


def stage(folder: Path) -> None:
    """Install the package into `folder` and add what stands beside it on a robot."""
    install_package(folder)
    for name in PROGRAMS:
        strip(folder / "lib/vedette" / name)
    add_messages(folder)


def install_package(folder: Path) -> None:
    """What CMake installs; cargo finds nothing to build after `make build`."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "")
    library = layout.ONNXRUNTIME / "libonnxruntime.so"
    if not prefixes or not library.is_file():
        raise SetupError("no ROS environment or no ONNX Runtime", BUILD_CURE)
    work = layout.ROOT / "target/package"
    shutil.rmtree(work, ignore_errors=True)
    staged = folder.with_name("staged")
    commands = [
        [
            "cmake", "-S", layout.ROOT / "package", "-B", work,
            f"-DCMAKE_INSTALL_PREFIX={PREFIX}", f"-DCMAKE_PREFIX_PATH={prefixes.replace(os.pathsep, ';')}",
            f"-DVEDETTE_CARGO_TARGET_DIR={layout.ROOT / 'target'}", f"-DVEDETTE_ONNXRUNTIME={library}",
        ],
        ["cmake", "--build", work],
        ["cmake", "--install", work],
    ]  # fmt: skip
    for command in commands:
        process.run("release", command, env=os.environ | {"DESTDIR": str(staged)}, cure=BUILD_CURE)
    shutil.copytree(staged / PREFIX.relative_to("/"), folder, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(staged)


def strip(program: Path) -> None:
    """Without what only a debugger reads."""
    done = subprocess.run([os.environ.get("STRIP", "strip"), program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"strip {program.name}: {done.stderr.strip()}", "install binutils; or set STRIP")


def add_messages(folder: Path) -> None:
    """The message package out of the prefix that the node was built with: libraries, Python, definitions."""
    found = [Path(word) for word in os.environ["AMENT_PREFIX_PATH"].split(os.pathsep) if word]
    found = [path for path in found if (path / "share" / MESSAGES / "package.xml").is_file()]
    if not found:
        raise SetupError(f"the ROS environment has no {MESSAGES}", BUILD_CURE)
    source = found[0]
    parts = [source / "share" / MESSAGES, *source.glob(f"share/ament_index/resource_index/*/{MESSAGES}")]
    # Not the hook that names the prefixes below this one, by their paths on this machine.
    parts = [part for part in parts if part.parent.name != "parent_prefix_path"]
    parts += source.glob(f"lib/lib{MESSAGES}__*.so")
    parts += source.glob(f"lib/python3*/site-packages/{MESSAGES}")
    parts += source.glob(f"local/lib/python3*/dist-packages/{MESSAGES}")
    for part in parts:
        target = folder / part.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, target, ignore=shutil.ignore_patterns(*NOT_OF_MESSAGES))
        else:
            shutil.copy2(part, target)
    (folder / "share/ament_index/resource_index/parent_prefix_path/vedette").unlink(missing_ok=True)

"""ROS 2's own tools for the tests: `launch`, `launch_ros` with the readers of XML and YAML, and the command `ros2`.

A ROS installation has them; PyPI does not, and there the wheels of `tests/ros2` serve: the released sources, unchanged.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent / "ros2"


def environment(prefix):
    """This process's environment with the tools in it; `prefix` is a folder for them that does not exist yet."""
    if importlib.util.find_spec("launch_ros") is not None:
        return dict(os.environ)
    wheels = sorted(map(str, (HERE / "wheels").glob("*.whl")))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--prefix", str(prefix)]
    subprocess.run([*pip, "--no-warn-script-location", *wheels], check=True)
    modules = sysconfig.get_path("purelib", vars={"base": str(prefix), "platbase": str(prefix)})
    before = {
        "PYTHONPATH": f"{modules}:{HERE / 'modules'}",
        "PATH": str(prefix / "bin"),
        "AMENT_PREFIX_PATH": str(prefix),
    }
    return os.environ | {name: joined(value, os.environ.get(name)) for name, value in before.items()}


def joined(*paths):
    """Lists of folders as one."""
    return ":".join(filter(None, paths))


def package(prefix, name, programs):
    """An ament prefix with a package in it; `programs` are the paths of its executables by name. Returns the package's
    share folder."""
    share, lib, index = prefix / "share" / name, prefix / "lib" / name, prefix / "share/ament_index/resource_index/packages"
    for folder in (share, lib, index):
        folder.mkdir(parents=True, exist_ok=True)
    (index / name).touch()
    for program, path in programs.items():
        (lib / program).symlink_to(path)
    return share


def installed(prefix, root, binary):
    """An ament prefix in which the package `vedette` stands as colcon installs it."""
    share = package(prefix, "vedette", {name: binary.with_name(name) for name in ("vedette", "vedette_node")})
    # The command looks for launch files in folders, not behind links to some.
    for name in ("launch", "config"):
        shutil.copytree(root / name, share / name)


def lifecycle_manager(prefix):
    """An ament prefix with what stands in for Nav2's lifecycle manager."""
    package(prefix, "nav2_lifecycle_manager", {"lifecycle_manager": HERE / "lifecycle_manager.py"})

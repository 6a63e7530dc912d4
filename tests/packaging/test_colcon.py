"""`colcon build` in a workspace as a user has it, and what is then run from its install space."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from installed import Shell
from repository import ROOT, clone, tracked

BUILD_S = 2400.0
# A megabyte is more than any manifest, picture of a manual or parameter file needs, and less than any weights.
LARGEST_SHARED_BYTES = 1_000_000


class Workspace:
    """A colcon workspace with a clone in `src/vedette`."""

    def __init__(self, folder, colcon, ros2):
        self.folder, self.colcon = folder, colcon
        self.source, self.prefix = folder / "src/vedette", folder / "install/vedette"
        self.without_runtime = {name: value for name, value in os.environ.items() if name != "ORT_DYLIB_PATH"}
        self.shell = Shell(ros2, folder / "install/setup.sh")

    def run_colcon(self, *arguments):
        command = [self.colcon, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.without_runtime, capture_output=True, text=True, timeout=BUILD_S
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def build(self, *cmake_args):
        """All packages; nothing may be fetched."""
        fixed = f"-DVEDETTE_CARGO_TARGET_DIR={self.folder / 'cargo'}", "-DVEDETTE_CARGO_ARGS=--offline"
        handler = ("--event-handlers", "console_direct+")
        return self.run_colcon("build", *handler, "--cmake-args", *fixed, *cmake_args)


def copy_outside_crates(built, target):
    """What cargo has compiled of other crates; of Vedette itself there are gigabytes of tests."""

    def ours_and_programs(folder, names):
        if Path(folder).name != "deps":
            return []
        return [name for name in names if "vedette" in name or not name.endswith((".so", ".rlib", ".rmeta", ".d"))]

    for part in (".fingerprint", "build", "deps"):
        if (built / part).is_dir():
            shutil.copytree(built / part, target / part, ignore=ours_and_programs)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, tool, ros2_tools_environment):
    """Built once without ONNX Runtime. Outside crates are taken as `make test` has built them: with ROS's message
    packages, r2r and Vedette are compiled."""
    colcon = tool("colcon")
    if not os.environ.get("AMENT_PREFIX_PATH"):
        pytest.skip("no ROS environment: . .deps/env.sh")
    workspace = Workspace(tmp_path_factory.mktemp("workspace"), colcon, ros2_tools_environment)
    clone(workspace.source)
    copy_outside_crates(ROOT / "target/release", workspace.folder / "cargo/release")
    workspace.first_build = workspace.build()
    yield workspace
    shutil.rmtree(workspace.folder / "cargo")


@pytest.fixture(scope="module")
def complete(workspace):
    """The same with ONNX Runtime."""
    library = os.environ.get("ORT_DYLIB_PATH")
    if not library or not Path(library).is_file():
        pytest.skip("no ONNX Runtime: make setup, then . .deps/env.sh")
    workspace.second_build = workspace.build(f"-DVEDETTE_ONNXRUNTIME={library}")
    return workspace


def shared_files(prefix):
    return sorted(path.relative_to(prefix) for path in (prefix / "share").rglob("*") if path.is_file())


def test_both_packages_are_found_as_the_repository_is_cloned(workspace):
    found = {line.split()[0]: line.split()[1] for line in workspace.run_colcon("list").splitlines() if "\t" in line}
    assert found == {"vedette": "src/vedette/package", "vedette_msgs": "src/vedette/msgs/vedette_msgs"}


def test_the_install_space_is_laid_out_as_ament_has_it(workspace):
    for package in ("vedette", "vedette_msgs"):
        prefix = workspace.folder / "install" / package
        assert (prefix / "share" / package / "package.xml").is_file()
        assert (prefix / "share/ament_index/resource_index/packages" / package).is_file()
    for program in ("vedette", "vedette_node"):
        mode = (workspace.prefix / "lib/vedette" / program).stat().st_mode
        assert mode & stat.S_IXOTH, f"{program} is not for everybody to run: {stat.filemode(mode)}"
    interfaces = workspace.folder / "install/vedette_msgs/share/vedette_msgs"
    assert {path.name for path in interfaces.glob("*/*.msg")} >= {"Plan.msg", "Proposal.msg"}


def test_launch_files_configurations_and_manifests_are_installed(workspace):
    share = workspace.prefix / "share/vedette"
    wanted = [name for name in tracked() if name.startswith(("launch/", "config/")) or name.endswith("/model.toml")]
    wanted = [name for name in wanted if not name.startswith("tests/")]
    assert "launch/vedette.launch.py" in wanted and "models/yolov12n/model.toml" in wanted
    assert [name for name in wanted if not (share / name).is_file()] == []


def test_no_weights_and_nothing_large_is_installed(workspace):
    weights = workspace.source / "models/yolov12n/yolov12n.onnx"
    assert weights.stat().st_size > LARGEST_SHARED_BYTES, "there must be weights that could have been taken along"
    files = shared_files(workspace.prefix)
    models = [file for file in files if file.is_relative_to("share/vedette/models")]
    assert models and {file.name for file in models} == {"model.toml"}
    assert not [file for file in files if "__pycache__" in file.parts]
    for package in ("vedette", "vedette_msgs"):
        prefix = workspace.folder / "install" / package
        large = [file for file in shared_files(prefix) if (prefix / file).stat().st_size > LARGEST_SHARED_BYTES]
        assert large == []


def test_without_onnx_runtime_the_build_says_so_and_the_node_too(workspace, params, tmp_path):
    assert "no ONNX Runtime is installed with the node" in workspace.first_build
    assert "ORT_DYLIB_PATH" in workspace.first_build
    program = workspace.shell.start(tmp_path, workspace.prefix / "lib/vedette/vedette", "check", "--params", params)
    assert program.process.wait(30) != 0
    assert "no ONNX Runtime" in program.log and "ORT_DYLIB_PATH" in program.log


def test_a_second_build_compiles_nothing(complete):
    assert "Compiling vedette " in complete.first_build
    assert "Compiling vedette " not in complete.second_build
    assert "Up-to-date" in complete.second_build
    assert (complete.prefix / "lib/vedette/libonnxruntime.so").is_file()


def test_ros2_run_starts_the_node_without_a_subcommand(complete, params, tmp_path):
    words = ("ros2", "run", "vedette", "vedette_node", "--ros-args", "--params-file", params)
    with complete.shell.start(tmp_path, *words) as node:
        messages, base_frame = complete.shell.ask("vedette", "base_frame")
        assert Path(messages).is_relative_to(complete.folder / "install/vedette_msgs")
        assert base_frame == "told"
        assert f"{complete.prefix}/lib/vedette/libonnxruntime.so" in node.log
        node.end()


@pytest.mark.parametrize("file", ["vedette.launch.py", "vedette.launch.xml", "vedette.launch.yaml"])
def test_the_launch_files_of_the_install_space_start_the_installed_node(complete, params, tmp_path, file):
    words = ("ros2", "launch", "vedette", file, f"params_file:={params}", "name:=scout")
    with complete.shell.start(tmp_path, *words) as launch:
        assert complete.shell.ask("scout", "base_frame")[1] == "told"
        assert f"{complete.prefix}/lib/vedette/libonnxruntime.so" in launch.log
        launch.end()

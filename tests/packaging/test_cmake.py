"""What CMake says of a machine that cannot build the package. Nothing is compiled."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from repository import ROOT


@pytest.fixture
def configure(tmp_path):
    """Configures the package; what CMake has said, in one line. `code` is the exit code that is expected."""
    if not os.environ.get("AMENT_PREFIX_PATH") or shutil.which("cmake") is None:
        pytest.skip("no ROS environment: . .deps/env.sh")

    def run(*arguments, code=1, **environment):
        command = ["cmake", "-S", ROOT / "package", "-B", tmp_path / "build", *arguments]
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())

    return run


def prefix_with(folder, *messages):
    """A prefix that has a vedette_msgs with these messages."""
    for message in messages:
        file = folder / "share/vedette_msgs" / message
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return str(folder)


def test_a_rust_that_is_too_old_is_named_with_the_cure(configure, tmp_path):
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\necho 'cargo 1.75.0 (1d8b05cdd 2023-11-20)'\n")
    cargo.chmod(0o755)
    told = configure(f"-DCARGO={cargo}")
    assert f"{cargo} is version 1.75.0, expected 1." in told and "rustup" in told


def test_the_cargo_of_rustup_goes_before_that_of_the_distribution(configure, tmp_path):
    home, system = tmp_path / "home/bin", tmp_path / "usr"
    for folder, version in ((home, "9.9.9"), (system, "1.75.0")):
        folder.mkdir(parents=True)
        (folder / "cargo").write_text(f"#!/bin/sh\necho 'cargo {version}'\n")
        (folder / "cargo").chmod(0o755)
    configure(code=0, CARGO_HOME=str(home.parent), PATH=f"{system}:{os.environ['PATH']}")
    assert f"CARGO:FILEPATH={home / 'cargo'}" in (tmp_path / "build/CMakeCache.txt").read_text()


def test_the_chosen_cargo_builds_both_programs_also_on_kilted_whose_name_r2r_refuses(configure, tmp_path):
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\n[ $1 = build ] && echo \"on $ROS_DISTRO: $*\" || echo 'cargo 9.9.9'\n")
    cargo.chmod(0o755)
    configure(f"-DCARGO={cargo}", code=0, ROS_DISTRO="kilted")
    done = subprocess.run(["cmake", "--build", tmp_path / "build"], capture_output=True, text=True, check=True)
    built = [line.split() for line in done.stdout.splitlines() if line.startswith("on ")]
    assert [words[1] for words in built] == ["jazzy:", "jazzy:"]
    assert [words[words.index("--bin") + 1] for words in built] == ["vedette_node", "vedette"]


def test_without_a_ros_environment_the_cure_is_named(configure):
    prefixes = os.environ["AMENT_PREFIX_PATH"].replace(":", ";")
    told = configure(f"-DCMAKE_PREFIX_PATH={prefixes}", ROS_DISTRO="")
    assert "no ROS environment: source /opt/ros/<distro>/setup.sh" in told


def test_an_onnx_runtime_that_is_not_there_is_named(configure):
    assert "VEDETTE_ONNXRUNTIME is /nowhere/libonnxruntime.so" in configure("-DVEDETTE_ONNXRUNTIME=/nowhere/libonnxruntime.so")


def test_two_message_packages_that_do_not_fit_are_named(configure, tmp_path):
    ours = os.environ["AMENT_PREFIX_PATH"]
    newer = prefix_with(tmp_path / "newer", "msg/Plan.idl", "msg/Region.idl")
    older = prefix_with(tmp_path / "older", "msg/Plan.idl", "msg/Gone.idl")
    told = configure(AMENT_PREFIX_PATH=f"{newer}:{older}:{ours}")
    assert f"vedette_msgs in {older} has msg/Gone.idl, which that in {newer} has not" in told
    shares = [Path(prefix, "share/vedette_msgs") for prefix in ours.split(":")]
    there = {str(path.relative_to(share)) for share in shares for path in share.glob("*/*.idl")}
    newest = prefix_with(tmp_path / "newest", "msg/Plan.idl", "msg/New.idl", *there)
    configure(AMENT_PREFIX_PATH=f"{newest}:{ours}", code=0)

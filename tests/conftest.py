"""What the Python tests of the binary share. A missing piece is a stated skip."""

import os
import subprocess
from pathlib import Path

import pytest
import ros2_tools

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def binary():
    """VEDETTE_BIN, else target/release/vedette."""
    path = Path(os.environ.get("VEDETTE_BIN", ROOT / "target/release/vedette")).absolute()
    if not path.exists():
        pytest.skip(f"{path} is not built: make build")
    return path


@pytest.fixture(scope="session")
def vedette(binary):
    """Runs the command and returns the finished process. `code` is the exit code that is expected, `env` changes the
    environment."""

    def run(*args, code=0, env=None, cwd=ROOT):
        environment = {**os.environ, **(env or {})}
        command = [binary, *map(str, args)]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == code, f"{args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def weights():
    """The trained model's file."""
    path = ROOT / "models/yolov12n/yolov12n.onnx"
    if not path.exists():
        pytest.skip(f"{path} is missing: make setup")
    return path


@pytest.fixture(scope="session")
def bag(weights):
    """The bag of vtest.avi."""
    path = ROOT / "data/vtest"
    if not path.exists():
        pytest.skip(f"{path} is missing: make setup")
    return path


@pytest.fixture(scope="session")
def ros2_tools_environment(tmp_path_factory):
    """The environment in which the command `ros2` runs launch files: see ros2_tools.py."""
    return ros2_tools.environment(tmp_path_factory.mktemp("ros2") / "tools")

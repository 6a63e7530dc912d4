"""Where the binary, the model and the footage are; a missing one is a stated skip."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def vedette():
    """Runs the command and returns the finished process."""
    binary = Path(os.environ.get("VEDETTE_BIN", ROOT / "target/release/vedette"))
    if not binary.exists():
        pytest.skip(f"{binary} is not built: make build")

    def run(*args, check=True):
        done = subprocess.run([binary, *map(str, args)], cwd=ROOT, capture_output=True, text=True, timeout=600)
        if check:
            assert done.returncode == 0, f"{args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def bag():
    """The bag of vtest.avi."""
    path = ROOT / "data/vtest"
    if not path.exists() or not (ROOT / "models/yolov12n/yolov12n.onnx").exists():
        pytest.skip(f"{path} or the weights are missing: make setup")
    return path


@pytest.fixture(scope="session")
def recording(vedette, bag, tmp_path_factory):
    """The whole bag replayed once with the demo's parameters."""
    path = tmp_path_factory.mktemp("replay") / "vtest.mcap"
    vedette("replay", bag, "--params", "config/vtest.yaml", "--out", path)
    return path

"""The tools that the set-up's `packaging` brings, and parameters for a node that is installed."""

import pytest
from repository import ROOT


@pytest.fixture(scope="session")
def tool():
    """Where one of them is: `tool("colcon")`."""

    def path(name):
        program = ROOT / ".deps/packaging/bin" / name
        if not program.exists():
            pytest.skip(f"{program} is missing: python3 scripts/setup packaging")
        return program

    return path


@pytest.fixture
def params(tmp_path):
    """Parameters with a model that is there."""
    file = tmp_path / "params.yaml"
    model = ROOT / "tests/data/models/yolo_rows.onnx"
    file.write_text(f"/**:\n  ros__parameters:\n    model: {model}\n    providers: [cpu]\n    base_frame: told\n")
    return file

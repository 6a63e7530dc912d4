"""The tools that the set-up's `packaging` brings."""

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

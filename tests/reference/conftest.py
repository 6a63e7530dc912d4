"""The recording that the tests of this folder read; `vedette` and `bag` are in tests/conftest.py."""

import pytest


@pytest.fixture(scope="session")
def recording(vedette, bag, tmp_path_factory):
    """The whole bag replayed once with the demo's parameters."""
    path = tmp_path_factory.mktemp("replay") / "vtest.mcap"
    vedette("replay", bag, "--params", "config/vtest.yaml", "--out", path)
    return path

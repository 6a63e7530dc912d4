"""The reference implementations, torch and transformers: what `models/parity` and `make bench-reference` compare with.

Large, and no part of building, running or testing Vedette.
"""

import layout
import process
import pythons
from steps import Step

REQUIREMENTS = layout.ROOT / "models" / "parity" / "requirements.txt"


def step() -> Step:
    """The step that makes the environment."""
    inputs = [REQUIREMENTS, str(pythons.interpreter())]
    return Step("parity", install, inputs, [layout.PARITY_PREFIX / "bin" / "python"])


def install() -> str:
    """Make the environment anew."""
    pythons.make_venv("parity", layout.PARITY_PREFIX, pythons.interpreter())
    process.run(
        "parity",
        [layout.PARITY_PREFIX / "bin" / "python", "-m", "pip", "install", "--only-binary=:all:", "-r", REQUIREMENTS],
        env=pythons.environment(),
        cure=pythons.NETWORK_CURE,
    )
    return f"torch and transformers in {layout.shown(layout.PARITY_PREFIX)}"

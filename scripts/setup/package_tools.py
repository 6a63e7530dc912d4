"""What packages are built and checked with, in an environment of its own, `.deps/packaging`: colcon and hadolint."""

import layout
import pythons
from steps import Step

LOCK = layout.HERE / "packaging.lock"


def step() -> Step:
    """The step that makes the environment."""
    inputs = [LOCK, layout.HERE / "build.lock", str(pythons.interpreter())]
    outputs = [layout.PACKAGING_PREFIX / "bin" / program for program in ("colcon", "hadolint")]
    return Step("packaging", install, inputs, outputs)


def install() -> str:
    """Make the environment anew."""
    pythons.make_venv("packaging", layout.PACKAGING_PREFIX, pythons.interpreter())
    pythons.install_locked("packaging", layout.PACKAGING_PREFIX, LOCK)
    return f"colcon and hadolint in {layout.shown(layout.PACKAGING_PREFIX)}"

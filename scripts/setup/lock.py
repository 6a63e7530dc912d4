"""For maintainers: write the lock files anew from the `*.in` files. Needs `uv` on PATH and the network.

    python3 scripts/setup/lock.py

The Python environments' files hold for CPython 3.10 to 3.13; each file names the hashes of all files of a version.
`tools.lock` differs from the tools in `ros.lock` where a sourced ROS 2 wants older versions.
"""

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
# These two have no wheels.
SOURCE_PACKAGES = ("empy", "tensorrt-cu13-libs")
UV = ("uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--upgrade")
UV += ("--no-annotate", "--no-header", "--only-binary", ":all:")
UV += tuple(word for name in SOURCE_PACKAGES for word in ("--no-binary", name))
HEADER = "# Written by scripts/setup/lock.py from {sources}.\n"


def lock(target: str, sources: list[str], *options: str, python: str = "3.10") -> None:
    """Resolve `sources` together into `target`, for CPython from the version `python` on."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "PIP_FIND"))}
    command = [*UV, "--python-version", python, *options, *sources]
    done = subprocess.run(command, cwd=HERE, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    (HERE / target).write_text(HEADER.format(sources=", ".join(sources)) + done.stdout)


if __name__ == "__main__":
    lock("ros.lock", ["ros.in", "tools.in"])
    lock("tools.lock", ["tools.in", "sourced.in"])
    lock("build.lock", ["build.in"], "--constraints", "ros.lock")
    lock("onnx.lock", ["onnx.in"])
    lock("packaging.lock", ["packaging.in"])
    lock("node.lock", ["node.in"])
    for name in ("onnxruntime", "onnxruntime-oldest", "onnxruntime-gpu", "tensorrt", "tensorrt-build", "minilm"):
        lock(f"{name}.lock", [f"{name}.in"], "--no-deps", python="3.12")
    lock("cuda.lock", ["cuda.in"], python="3.12")

"""`make aarch64`: builds the library and `vedette` for 64-bit ARM, and runs the unit tests under emulation.

    python3 scripts/aarch64.py [test filter ...]

Jetsons and the DGX Spark are such machines. What is needed is a C and C++ compiler for ARM and qemu-user, which are installed
with apt-get where that is permitted, and Rust's standard library for ARM, which rustup fetches.

Tests that need ONNX Runtime are skipped: there is none for ARM here. Built without `ros`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts/setup"))

import process  # noqa: E402
import system  # noqa: E402
from steps import SetupError  # noqa: E402

TARGET = "aarch64-unknown-linux-gnu"
PREFIX = "aarch64-linux-gnu"
CURE = f"`rustup target add {TARGET}`, where rustup's server can be reached"


def system_needs() -> list[system.Need]:
    """Compilers for ARM, and what runs their programs."""

    def there(*programs: str) -> bool:
        return all(shutil.which(program) for program in programs)

    return [
        system.Need(
            ("gcc-aarch64-linux-gnu", "g++-aarch64-linux-gnu", "libc6-dev-arm64-cross"),
            "a C and C++ compiler for aarch64",
            lambda: there(f"{PREFIX}-gcc", f"{PREFIX}-g++"),
        ),
        system.Need(("qemu-user",), "qemu-aarch64", lambda: there("qemu-aarch64")),
    ]


def has_standard_library() -> bool:
    """Whether the compiler can make programs for ARM."""
    folder = process.output(["rustc", "--print", "target-libdir", "--target", TARGET])
    return bool(folder) and any(Path(folder).glob("libstd-*.rlib"))


def provide_standard_library() -> None:
    """Fetches it where it is missing."""
    if has_standard_library():
        return
    if shutil.which("rustup") is None:
        raise SetupError(f"there is no rustup, and this Rust has no standard library for {TARGET}", CURE)
    process.run("aarch64", ["rustup", "target", "add", TARGET], cure=CURE)
    if not has_standard_library():
        raise SetupError(f"rustc finds no standard library for {TARGET}", CURE)


def environment() -> dict[str, str]:
    """For cargo: the compilers, and what runs the tests."""
    target = TARGET.replace("-", "_")
    return {
        **os.environ,
        "CARGO_TARGET_DIR": str(ROOT / "target/aarch64"),
        f"CARGO_TARGET_{target.upper()}_LINKER": f"{PREFIX}-gcc",
        f"CARGO_TARGET_{target.upper()}_RUNNER": f"qemu-aarch64 -L /usr/{PREFIX}",
        f"CC_{target}": f"{PREFIX}-gcc",
        f"CXX_{target}": f"{PREFIX}-g++",
        f"AR_{target}": f"{PREFIX}-ar",
    }


def main() -> int:
    try:
        system.provide(system_needs())
        provide_standard_library()
    except SetupError as error:
        print(f"aarch64: {error}; {error.cure}", file=sys.stderr)
        return 1
    common = ["--locked", "--profile", "emulated", "--target", TARGET]
    commands = [
        ["cargo", "build", *common, "--bin", "vedette"],
        ["cargo", "test", *common, "--lib", "--", *sys.argv[1:]],
    ]
    for command in commands:
        print(f"$ {' '.join(command)}", flush=True)
        if status := subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode:
            return status
    program = ROOT / "target/aarch64" / TARGET / "emulated/vedette"
    return subprocess.run(["qemu-aarch64", "-L", f"/usr/{PREFIX}", program, "--version"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

"""`make aarch64`: builds the library and `vedette` for 64-bit ARM, and runs the unit tests under emulation.

    python3 scripts/aarch64.py [test filter ...]

Jetsons and the DGX Spark are such machines. What is needed: a C and C++ compiler for ARM and qemu-user (installed with
apt-get where that is permitted), and Rust's standard library for ARM. That one comes from `rustup target add` where rustup
reaches its server; else a compiler that has it is taken from Debian's testing distribution, with apt's own check of its
signatures, and unpacked into `.deps/aarch64-rust`; it runs with the C library that it brings.

Tests that need ONNX Runtime are skipped: there is none for ARM here. Built without `ros`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts/setup"))

import layout  # noqa: E402
import process  # noqa: E402
import system  # noqa: E402
from steps import SetupError  # noqa: E402

TARGET = "aarch64-unknown-linux-gnu"
PREFIX = "aarch64-linux-gnu"
SYSROOT = Path("/usr") / PREFIX
TOOLCHAIN = layout.DEPS / "aarch64-rust"
SUITE = "testing"
# The compiler for this machine and the standard libraries of both; what they are linked with is asked of apt.
PACKAGES = ("rustc", "libstd-rust-dev:amd64", "libstd-rust-dev:arm64")
CURE = f"`rustup target add {TARGET}`, where rustup's server can be reached; or run it on a machine with Debian's apt"


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


def has_standard_library(rustc: str) -> bool:
    """Whether a compiler can make programs for ARM."""
    folder = process.output([rustc, "--print", "target-libdir", "--target", TARGET])
    return bool(folder) and any(Path(folder).glob("libstd-*.rlib"))


def rust_compiler() -> str:
    """The name of a compiler that can."""
    if has_standard_library("rustc"):
        return "rustc"
    if shutil.which("rustup"):
        process.output(["rustup", "target", "add", TARGET])
        if has_standard_library("rustc"):
            return "rustc"
    wrapper = TOOLCHAIN / "rustc"
    if not has_standard_library(str(wrapper)):
        shutil.rmtree(TOOLCHAIN, ignore_errors=True)
        fetch_toolchain(wrapper)
    return str(wrapper)


def fetch_toolchain(wrapper: Path) -> None:
    """Debian's, unpacked; `wrapper` starts it."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")) or os.uname().machine != "x86_64":
        raise SetupError(f"Rust has no standard library for {TARGET} here", CURE)
    print(f"fetching a Rust compiler for {TARGET} from Debian's {SUITE} ...", flush=True)
    layout.DEPS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.DEPS) as scratch:
        folder = Path(scratch)
        options = apt_options(folder)
        process.run("aarch64", ["apt-get", *options, "update"], cure=CURE)
        packages = [*PACKAGES, *libraries_of(options)]
        (folder / "debs").mkdir()
        process.run("aarch64", ["apt-get", *options, "download", *packages], cwd=folder / "debs", cure=CURE)
        root = folder / "root"
        for package in sorted((folder / "debs").glob("*.deb")):
            process.run("aarch64", ["dpkg-deb", "--extract", package, root], cure=CURE)
        libraries = root / "usr/lib/x86_64-linux-gnu"
        if not (libraries / "ld-linux-x86-64.so.2").exists():
            raise SetupError(f"Debian's packages hold no {libraries.relative_to(root)}/ld-linux-x86-64.so.2", CURE)
        root.rename(TOOLCHAIN)
    libraries = TOOLCHAIN / "usr/lib/x86_64-linux-gnu"
    program = TOOLCHAIN / "usr/bin/rustc"
    loader = f"'{libraries}/ld-linux-x86-64.so.2' --library-path '{libraries}' --argv0 '{program}'"
    wrapper.write_text(f"#!/bin/sh\nexec {loader} '{program}' --sysroot '{TOOLCHAIN}/usr' \"$@\"\n")
    wrapper.chmod(0o755)
    if not has_standard_library(str(wrapper)):
        raise SetupError(f"the compiler of Debian's {SUITE} does not run here", CURE)


def apt_options(folder: Path) -> list[str]:
    """Lists and sources of its own, for which no root is needed; the keyring is the system's."""
    for part in ("lists/partial", "archives/partial", "parts"):
        (folder / part).mkdir(parents=True)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f" signed-by={keyring}" if keyring.is_file() else ""
    sources = folder / "sources.list"
    sources.write_text(f"deb [arch=amd64,arm64{signed}] http://deb.debian.org/debian {SUITE} main\n")
    pairs = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": folder / "parts",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64,arm64",
        "APT::Sandbox::User": "",
    }
    return [word for name, value in pairs.items() for word in ("-o", f"{name}={value}")]


def libraries_of(options: list[str]) -> list[str]:
    """The libraries that the compiler of today loads, with those that they load."""
    names: set[str] = set()
    pending = ["rustc", "libstd-rust-dev"]
    while pending:
        told = process.output(["apt-cache", *options, "depends", "--no-recommends", "--no-suggests", pending.pop()])
        for line in told.splitlines():
            _, is_dependency, name = line.partition("Depends: ")
            is_library = name.startswith(("lib", "zlib")) and not name.endswith("-dev")
            if is_dependency and is_library and name not in names:
                names.add(name)
                pending.append(name)
    if not any(name.startswith("libstd-rust-") for name in names):
        raise SetupError(f"apt does not say what Debian's rustc of {SUITE} needs", CURE)
    return sorted(names)


def environment(rustc: str) -> dict[str, str]:
    """For cargo: the compilers, and what runs the tests."""
    target = TARGET.replace("-", "_")
    return {
        **os.environ,
        "RUSTC": rustc,
        "CARGO_TARGET_DIR": str(ROOT / "target/aarch64"),
        f"CARGO_TARGET_{target.upper()}_LINKER": f"{PREFIX}-gcc",
        f"CARGO_TARGET_{target.upper()}_RUNNER": f"qemu-aarch64 -L {SYSROOT}",
        f"CC_{target}": f"{PREFIX}-gcc",
        f"CXX_{target}": f"{PREFIX}-g++",
        f"AR_{target}": f"{PREFIX}-ar",
    }


def main() -> int:
    try:
        system.provide(system_needs())
        rustc = rust_compiler()
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
        if status := subprocess.run(command, cwd=ROOT, env=environment(rustc), check=False).returncode:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""ONNX Runtime: the shared libraries out of the Python wheels, unpacked where `ort` loads them from.

- `.deps/onnxruntime`: the CPU build, always.
- `.deps/onnxruntime-gpu`: the build with the TensorRT and CUDA providers inside. On its own it
  shows how the node behaves where the GPU's libraries are missing.
- `.deps/cuda`: the CUDA and cuDNN libraries that the CUDA provider loads. When they are there, the
  environment points to the GPU build.
- `.deps/tensorrt`: the TensorRT libraries that the TensorRT provider loads, unless the system's
  loader knows them already in a version that fits.
- `.deps/onnxruntime-oldest`: the oldest build that will do, for the tests.

What a GPU machine gets of these is decided by `gpu_machine`.
"""

import platform
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import gpu_machine
import layout
import process
import pythons
from gpu_machine import Machine, decide, prepends_libraries, shown
from steps import SetupError, Step

LIBRARY = "libonnxruntime.so"
# Whoever gives the library on gives these along.
LICENSES = ("LICENSE", "ThirdPartyNotices.txt")
CPU_LOCK = layout.HERE / "onnxruntime.lock"
OLDEST_LOCK = layout.HERE / "onnxruntime-oldest.lock"
GPU_LOCK = layout.HERE / "onnxruntime-gpu.lock"
CUDA_LOCK = layout.HERE / "cuda.lock"
TENSORRT_LOCK = layout.HERE / "tensorrt.lock"
TENSORRT_BUILD_LOCK = layout.HERE / "tensorrt-build.lock"

# The libraries are the same in the wheels for every Python: take those of one.
WHEEL_PYTHON = "3.12"
GLIBC_MINORS = (17, 26, 27, 28, 31, 34, 35)


def cpu_step() -> Step:
    """The step that unpacks the CPU build."""
    return wheel_step("onnxruntime", CPU_LOCK, layout.ONNXRUNTIME)


def oldest_step() -> Step:
    """The step that unpacks the oldest build that will do."""
    return wheel_step("onnxruntime-oldest", OLDEST_LOCK, layout.ONNXRUNTIME_OLDEST)


def gpu_wheel_step(machine: Machine) -> Step:
    """The step that unpacks the build with the GPU providers, without what they load."""
    step = wheel_step("onnxruntime-gpu-wheel", GPU_LOCK, layout.ONNXRUNTIME_GPU)
    return decided(step, machine)


def cuda_step(machine: Machine) -> Step:
    """The step that brings the CUDA and cuDNN libraries: gigabytes."""
    return decided(Step("cuda", install_cuda, [CUDA_LOCK, machine.arch], [layout.CUDA]), machine)


def tensorrt_step(machine: Machine) -> Step:
    """The step that brings the TensorRT libraries: gigabytes again, unless the system has them."""
    step = Step("tensorrt", install_tensorrt, [TENSORRT_LOCK, TENSORRT_BUILD_LOCK, machine.arch, str(machine.tensorrt)])
    return decided(step, machine)


def decided(step: Step, machine: Machine) -> Step:
    """`step` with what is decided for `machine` before it runs."""

    def run() -> str:
        decision = decide(step.name, machine)
        if decision.fetches:
            return "; ".join(filter(None, (step.run(), decision.words)))
        for folder in {"cuda": [layout.CUDA], "tensorrt": [layout.TENSORRT]}.get(step.name, []):
            shutil.rmtree(folder, ignore_errors=True)
        return decision.words

    return replace(step, run=run)


def library(machine: Machine) -> Path:
    """The library that the environment names: the GPU build where its libraries are, else the CPU's."""
    has_gpu_build = prepends_libraries(machine) and cuda_step(machine).is_done()
    return (layout.ONNXRUNTIME_GPU if has_gpu_build else layout.ONNXRUNTIME) / LIBRARY


def gpu_library_dirs(machine: Machine) -> list[Path]:
    """Where the loader finds what the GPU providers need; empty without them, and on a Jetson, which has its own."""
    if not prepends_libraries(machine):
        return []
    steps = {layout.CUDA: cuda_step(machine), layout.TENSORRT: tensorrt_step(machine)}
    folders = [folder for folder, step in steps.items() if folder.is_dir() and step.is_done()]
    return sorted({library.parent for folder in folders for library in folder.rglob("*.so.*")})


def wheel_step(name: str, lock: Path, target: Path) -> Step:
    """A step that unpacks the libraries of the one wheel that `lock` names into `target`."""
    return Step(
        name,
        lambda: unpack_wheel(name, lock, target),
        [layout.HERE / "ort.py", lock, platform.machine()],
        [target / LIBRARY],
    )


def unpack_wheel(name: str, lock: Path, target: Path) -> str:
    """Download the wheel, check it against the lock, and keep its shared libraries and their licenses."""
    with tempfile.TemporaryDirectory(dir=layout.DEPS) as scratch:
        wheel = download_wheel(name, lock, Path(scratch))
        libraries = Path(scratch) / "libraries"
        libraries.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.namelist():
                file_name = Path(entry).name
                is_library = file_name.startswith("libonnxruntime") and ".so" in file_name
                if is_library or entry in {f"onnxruntime/{name}" for name in LICENSES}:
                    with archive.open(entry) as source, (libraries / file_name).open("wb") as sink:
                        shutil.copyfileobj(source, sink)
        link_plain_name(wheel, libraries)
        shutil.rmtree(target, ignore_errors=True)
        libraries.rename(target)
    version = wheel.name.split("-")[1]
    return f"{wheel.name.split('-')[0]} {version} for {platform.machine()} in {layout.shown(target)}"


def download_wheel(name: str, lock: Path, folder: Path) -> Path:
    """The wheel that `lock` names for this machine, in `folder`."""
    machine = platform.machine()
    platforms = [word for minor in GLIBC_MINORS for word in ("--platform", f"manylinux_2_{minor}_{machine}")]
    process.run(
        name,
        [
            *pythons.pip(name), "download", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--implementation", "cp", "--python-version", WHEEL_PYTHON,
            *platforms, "--dest", folder, "-r", lock,
        ],
        env=pythons.environment(),
        cure=pythons.NETWORK_CURE,
    )  # fmt: skip
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SetupError(f"expected one wheel for {machine} from {layout.shown(lock)}, got {len(wheels)}")
    return wheels[0]


def link_plain_name(wheel: Path, libraries: Path) -> None:
    """Give `libonnxruntime.so.<version>` its shorter names."""
    versioned = list(libraries.glob(f"{LIBRARY}.*"))
    if len(versioned) != 1:
        raise SetupError(f"{wheel.name} holds {len(versioned)} files named {LIBRARY}.<version>, expected 1")
    (libraries / f"{LIBRARY}.1").symlink_to(versioned[0].name)
    (libraries / LIBRARY).symlink_to(versioned[0].name)


def install_cuda() -> str:
    """Install the libraries' wheels into a folder of their own."""
    shutil.rmtree(layout.CUDA, ignore_errors=True)
    install_libraries("cuda", layout.CUDA, CUDA_LOCK, pythons.NETWORK_CURE, "--only-binary=:all:")
    return f"CUDA and cuDNN libraries in {layout.shown(layout.CUDA)}"


def install_tensorrt() -> str:
    """Install TensorRT's libraries.

    The package is a stub, built here with its build backend from a folder of its own.
    """
    shutil.rmtree(layout.TENSORRT, ignore_errors=True)
    oldest = shown(gpu_machine.TENSORRT_OLDEST)
    cure = (
        "TensorRT's package fetches the libraries from NVIDIA's own package index: make that reachable, or "
        f"install TensorRT {oldest} or later for CUDA 13 on the system ({gpu_machine.TENSORRT_LIBRARY}), and run again. "
        "CUDA works without it"
    )
    with tempfile.TemporaryDirectory(dir=layout.DEPS) as backend:
        install_libraries("tensorrt", Path(backend), TENSORRT_BUILD_LOCK, pythons.NETWORK_CURE, "--only-binary=:all:")
        env = pythons.environment() | {"PYTHONPATH": backend}
        install_libraries("tensorrt", layout.TENSORRT, TENSORRT_LOCK, cure, "--no-build-isolation", env=env)
    return f"TensorRT libraries in {layout.shown(layout.TENSORRT)}"


def install_libraries(
    log_name: str, target: Path, lock: Path, cure: str, *options: str, env: Mapping[str, str] | None = None
) -> None:
    """Install what `lock` names into the plain folder `target`."""
    process.run(
        log_name,
        [
            *pythons.pip(log_name), "install", "--no-deps", "--require-hashes",
            "--no-compile", *options, "--target", target, "-r", lock,
        ],
        env=env or pythons.environment(),
        cure=cure,
    )  # fmt: skip

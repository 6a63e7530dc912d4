"""ONNX Runtime: the shared libraries out of the Python wheels, unpacked where `ort` loads them from.

- `.deps/onnxruntime`: the CPU build, always.
- `.deps/onnxruntime-gpu`: the build with the TensorRT and CUDA providers inside. On its own it
  shows how the node behaves where the GPU's libraries are missing.
- `.deps/cuda`: the CUDA and cuDNN libraries that the CUDA provider loads. When they are there, the
  environment points to the GPU build.
- `.deps/tensorrt`: the TensorRT libraries that the TensorRT provider loads, unless the system's
  loader knows them already, as on a Jetson or a DGX.
"""

import os
import platform
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import layout
import process
import pythons
from steps import SetupError, Step

LIBRARY = "libonnxruntime.so"
CPU_LOCK = layout.HERE / "onnxruntime.lock"
GPU_LOCK = layout.HERE / "onnxruntime-gpu.lock"
CUDA_LOCK = layout.HERE / "cuda.lock"
TENSORRT_LOCK = layout.HERE / "tensorrt.lock"
TENSORRT_BUILD_LOCK = layout.HERE / "tensorrt-build.lock"

# What libonnxruntime_providers_tensorrt.so is linked to.
TENSORRT_LIBRARY = "libnvinfer.so.10"

# The libraries are the same in the wheels for every Python: take those of one.
WHEEL_PYTHON = "3.12"
GLIBC_MINORS = (17, 26, 27, 28, 31, 34, 35)


def cpu_step() -> Step:
    """The step that unpacks the CPU build."""
    return wheel_step("onnxruntime", CPU_LOCK, layout.ONNXRUNTIME)


def gpu_wheel_step() -> Step:
    """The step that unpacks the build with the GPU providers, without what they load."""
    return wheel_step("onnxruntime-gpu-wheel", GPU_LOCK, layout.ONNXRUNTIME_GPU)


def cuda_step() -> Step:
    """The step that brings the CUDA and cuDNN libraries: gigabytes."""
    return Step("cuda", install_cuda, [CUDA_LOCK, platform.machine()], [layout.CUDA])


def tensorrt_step() -> Step:
    """The step that brings the TensorRT libraries: gigabytes again, unless the system has them."""
    inputs = [TENSORRT_LOCK, TENSORRT_BUILD_LOCK, platform.machine(), str(system_has_tensorrt())]
    return Step("tensorrt", install_tensorrt, inputs)


def library() -> Path:
    """The library that the environment names: the GPU build where its libraries are, else the CPU's."""
    folder = layout.ONNXRUNTIME_GPU if cuda_step().is_done() else layout.ONNXRUNTIME
    return folder / LIBRARY


def gpu_library_dirs() -> list[Path]:
    """Where the loader finds what the GPU providers need; empty without them."""
    steps = {layout.CUDA: cuda_step(), layout.TENSORRT: tensorrt_step()}
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
    """Download the wheel, check it against the lock, and keep its shared libraries."""
    with tempfile.TemporaryDirectory(dir=layout.DEPS) as scratch:
        wheel = download_wheel(name, lock, Path(scratch))
        libraries = Path(scratch) / "libraries"
        libraries.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.namelist():
                file_name = Path(entry).name
                if file_name.startswith("libonnxruntime") and ".so" in file_name:
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
    """Install TensorRT's libraries, unless the system has them.

    The package is a stub, built here with its build backend from a folder of its own.
    """
    shutil.rmtree(layout.TENSORRT, ignore_errors=True)
    if system_has_tensorrt():
        return f"the system's {TENSORRT_LIBRARY}"
    cure = (
        "TensorRT's package fetches the libraries from NVIDIA's own package index: make that reachable, or "
        f"install TensorRT 10 for CUDA 13 on the system ({TENSORRT_LIBRARY}), and run again. "
        "CUDA works without it"
    )
    with tempfile.TemporaryDirectory(dir=layout.DEPS) as backend:
        install_libraries("tensorrt", Path(backend), TENSORRT_BUILD_LOCK, pythons.NETWORK_CURE, "--only-binary=:all:")
        env = pythons.environment() | {"PYTHONPATH": backend}
        install_libraries("tensorrt", layout.TENSORRT, TENSORRT_LOCK, cure, "--no-build-isolation", env=env)
    return f"TensorRT libraries in {layout.shown(layout.TENSORRT)}"


def system_has_tensorrt() -> bool:
    """Whether the loader finds TensorRT without our help."""
    known = process.output(["ldconfig", "-p"]) or process.output(["/sbin/ldconfig", "-p"])
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    outside = [Path(folder) for folder in folders if folder and not Path(folder).is_relative_to(layout.DEPS)]
    return TENSORRT_LIBRARY in known or any((folder / TENSORRT_LIBRARY).is_file() for folder in outside)


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

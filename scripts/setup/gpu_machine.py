"""What a machine's GPU can use of the packages for one, decided before gigabytes are fetched.

`Machine` says what was found; `decide` is a pure function of it. Where the numbers come from: the tags of
the wheels of onnxruntime-gpu that the lock file names, NVIDIA's table of CUDA and drivers, and NVIDIA's
release notes of CUDA 13 (no code for chips before Turing) and of JetPack.
"""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import layout
import process
from steps import SetupError

Version = tuple[int, ...]

# By the tags of onnxruntime_gpu-1.31.1-cp312-cp312-manylinux_2_*.whl.
WHEEL_GLIBC: dict[str, Version] = {"x86_64": (2, 28), "aarch64": (2, 34)}
# What CUDA 13 needs.
CUDA_DRIVER: Version = (580,)
CUDA_CAPABILITY: Version = (7, 5)
# What the TensorRT provider is linked to, and the first version of it for CUDA 13.
TENSORRT_LIBRARY = "libnvinfer.so.10"
TENSORRT_MAJOR = 10
TENSORRT_OLDEST: Version = (10, 13)

# By the first number of a release of Jetson Linux (L4T).
JETPACKS = {35: "JetPack 5 (CUDA 11.4)", 36: "JetPack 6 (CUDA 12)", 38: "JetPack 7 (CUDA 13)"}

JETSON_CURE = (
    "take the build of ONNX Runtime for this JetPack that NVIDIA's Jetson AI Lab publishes as a Python wheel, or build it "
    "with `--use_cuda --use_tensorrt` (1.20 or later), unpack its libonnxruntime*.so files into one folder, and set "
    "ORT_DYLIB_PATH to the libonnxruntime.so there; CUDA, cuDNN and TensorRT are JetPack's own. Nobody has run this with "
    "Vedette yet"
)


@dataclass(frozen=True)
class Machine:
    """What the decisions rest on. What was not found is empty or None."""

    arch: str
    glibc: Version
    # Of the NVIDIA kernel driver.
    driver: Version | None = None
    gpus: tuple[str, ...] = ()
    # The compute capability of each GPU, in their order, where the driver tells it.
    capabilities: tuple[Version, ...] = ()
    # The release of Jetson Linux, (36, 4, 3); None on any other machine.
    tegra: Version | None = None
    # The system's files named `libnvinfer.so.<version>`, without those of this project.
    tensorrt: tuple[Version, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Whether a step is to fetch, and what is to be said about it."""

    fetches: bool
    words: str = ""


FETCH = Decision(fetches=True)


def shown(version: Version) -> str:
    """`10.13.2`."""
    return ".".join(map(str, version))


def decide(step: str, machine: Machine) -> Decision:
    """What the step `onnxruntime-gpu-wheel`, `cuda` or `tensorrt` does on `machine`.

    Raises SetupError where what it fetches cannot run there.
    """
    refuse_wheel(machine)
    if step == "onnxruntime-gpu-wheel":
        return FETCH
    refuse_jetson(machine)
    refuse_gpu(machine)
    if step == "cuda":
        if machine.driver is None:
            needed = f"no NVIDIA driver found here: these libraries need one of version {shown(CUDA_DRIVER)} or later"
            return Decision(fetches=True, words=needed)
        return FETCH
    return decide_tensorrt(machine)


def refuse_wheel(machine: Machine) -> None:
    """Refuses where there is no wheel for the processor and its C library."""
    needed = WHEEL_GLIBC.get(machine.arch)
    if needed is None:
        raise SetupError(
            f"there is no ONNX Runtime with CUDA for {machine.arch} among the packages, only for {', '.join(WHEEL_GLIBC)}",
            "build it with `--use_cuda`, and set ORT_DYLIB_PATH to its libonnxruntime.so",
        )
    if machine.glibc < needed:
        raise SetupError(
            f"ONNX Runtime's GPU wheel for {machine.arch} needs glibc {shown(needed)}, "
            f"this system has {shown(machine.glibc) or 'none'}",
            JETSON_CURE if machine.tegra else "use a newer system, or a container with one",
        )


def refuse_jetson(machine: Machine) -> None:
    """Refuses on a Jetson: its CUDA is JetPack's, and the wheel is built for servers and the DGX Spark."""
    if machine.tegra is not None:
        jetpack = JETPACKS.get(machine.tegra[0], "a JetPack that is not known here")
        raise SetupError(
            f"this is a Jetson with Jetson Linux {shown(machine.tegra)}, {jetpack}: the packages are for other machines",
            JETSON_CURE,
        )


def refuse_gpu(machine: Machine) -> None:
    """Refuses where CUDA 13 does not run: an older driver, or only chips for which it has no code."""
    if machine.driver is not None and machine.driver < CUDA_DRIVER:
        raise SetupError(
            f"the NVIDIA driver is {shown(machine.driver)}, CUDA 13 needs {shown(CUDA_DRIVER)} or later",
            "install a newer driver (on Ubuntu: `ubuntu-drivers install`) and reboot; or keep it, and set ORT_DYLIB_PATH to "
            "an ONNX Runtime for CUDA 12 (1.20 or later)",
        )
    if machine.capabilities and max(machine.capabilities) < CUDA_CAPABILITY:
        named = ", ".join(
            f"{gpu} ({shown(capability)})" for gpu, capability in zip(machine.gpus, machine.capabilities, strict=False)
        )
        raise SetupError(
            f"CUDA 13 has no code for this GPU: {named}, it needs compute capability {shown(CUDA_CAPABILITY)} or later",
            "set ORT_DYLIB_PATH to an ONNX Runtime for CUDA 12 (1.20 or later)",
        )


def decide_tensorrt(machine: Machine) -> Decision:
    """TensorRT where the wheel can use it, and the system's where that fits."""
    if machine.arch == "aarch64":
        return Decision(
            fetches=False,
            words="left out: the wheel for aarch64 (a DGX Spark) carries CUDA and no TensorRT provider, so models run on CUDA. "
            "For TensorRT, build ONNX Runtime there with `--use_cuda --use_tensorrt` against the system's TensorRT, and set "
            "ORT_DYLIB_PATH to its libonnxruntime.so",
        )
    fitting = [version for version in machine.tensorrt if version[0] == TENSORRT_MAJOR and version >= TENSORRT_OLDEST]
    if fitting:
        return Decision(fetches=False, words=f"the system's TensorRT {shown(max(fitting))}")
    if machine.tensorrt:
        found = ", ".join(shown(version) for version in sorted(machine.tensorrt))
        needed = f"TensorRT {shown(TENSORRT_OLDEST)} or later below {TENSORRT_MAJOR + 1}, for CUDA 13"
        return Decision(fetches=True, words=f"the system's TensorRT is {found}, ONNX Runtime needs {needed}")
    return FETCH


def prepends_libraries(machine: Machine) -> bool:
    """Whether libraries of the project may be put before the system's: never on a Jetson."""
    return machine.tegra is None


def this_machine() -> Machine:
    """The machine that runs the set-up."""
    libc, version = platform.libc_ver()
    driver, gpus, capabilities = read_smi(
        process.output(["nvidia-smi", "--query-gpu=driver_version,name,compute_cap", "--format=csv,noheader"])
    )
    return Machine(
        arch=platform.machine(),
        glibc=numbers(version) if libc == "glibc" else (),
        driver=driver,
        gpus=gpus,
        capabilities=capabilities,
        tegra=read_tegra(read("/etc/nv_tegra_release")),
        tensorrt=installed_tensorrt(),
    )


def read(path: str) -> str:
    """A file's text, empty where there is none."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def numbers(text: str) -> Version:
    """The numbers of a dotted version, up to the first part that is none: (580, 65, 6) of `580.65.06`."""
    found = re.match(r"\d+(\.\d+)*", text.strip())
    return tuple(map(int, found.group().split("."))) if found else ()


def read_smi(text: str) -> tuple[Version | None, tuple[str, ...], tuple[Version, ...]]:
    """Driver, GPUs and their compute capabilities out of nvidia-smi's lines `580.65.06, NVIDIA GB10, 12.1`."""
    rows = [fields for line in text.splitlines() if len(fields := [word.strip() for word in line.split(",")]) == 3]
    driver = numbers(rows[0][0]) if rows else ()
    capabilities = tuple(capability for row in rows if (capability := numbers(row[2])))
    return driver or None, tuple(row[1] for row in rows), capabilities


def read_tegra(text: str) -> Version | None:
    """(36, 4, 3) of `# R36 (release), REVISION: 4.3, GCID: ...`."""
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", text)
    return (int(found[1]), *numbers(found[2])) if found else None


def installed_tensorrt() -> tuple[Version, ...]:
    """The versions of TensorRT that the loader finds without our help, by the names of the files behind the links."""
    known = process.output(["ldconfig", "-p"]) or process.output(["/sbin/ldconfig", "-p"])
    files = [Path(line.rsplit("=> ", 1)[1]) for line in known.splitlines() if "libnvinfer.so." in line and "=> " in line]
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    outside = [Path(folder) for folder in folders if folder and not Path(folder).is_relative_to(layout.DEPS)]
    files += [file for folder in outside for file in folder.glob("libnvinfer.so.*")]
    return tuple(sorted({version for file in files if (version := tensorrt_version(file))}))


def tensorrt_version(file: Path) -> Version:
    """(10, 13, 2) of a link to `libnvinfer.so.10.13.2`."""
    return numbers(file.resolve().name.partition(".so.")[2])

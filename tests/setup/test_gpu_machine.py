"""What is fetched for a GPU, machine by machine."""

from pathlib import Path

import envfile
import gpu_machine
import layout
import ort
import pytest
from gpu_machine import Machine, decide
from steps import SetupError

NO_GPU = Machine("x86_64", (2, 36))
RTX = Machine("x86_64", (2, 39), (580, 65, 6), ("NVIDIA GeForce RTX 4070",), ((8, 9),))
SPARK = Machine("aarch64", (2, 39), (580, 95, 5), ("NVIDIA GB10",), ((12, 1),), tensorrt=((10, 13, 3),))
ORIN = Machine("aarch64", (2, 35), (540, 4, 0), ("Orin (nvgpu)",), tegra=(36, 4, 3), tensorrt=((10, 3, 0),))
XAVIER = Machine("aarch64", (2, 31), tegra=(35, 6, 0), tensorrt=((8, 5, 2),))
THOR = Machine("aarch64", (2, 39), (580, 0), ("NVIDIA Thor",), ((11, 0),), tegra=(38, 2, 0), tensorrt=((10, 13, 3),))
OLD_DRIVER = Machine("x86_64", (2, 35), (535, 183, 1), ("NVIDIA GeForce RTX 3060",), ((8, 6),))
PASCAL = Machine("x86_64", (2, 35), (580, 65, 6), ("NVIDIA GeForce GTX 1080",), ((6, 1),))
OLD_SYSTEM = Machine("x86_64", (2, 27), (580, 65, 6), ("NVIDIA GeForce RTX 4070",), ((8, 9),))
RISC_V = Machine("riscv64", (2, 39))


def with_tensorrt(*versions: tuple[int, ...]) -> Machine:
    return Machine("x86_64", (2, 39), (580, 65, 6), RTX.gpus, RTX.capabilities, tensorrt=versions)


@pytest.mark.parametrize(
    ("machine", "step", "fetches", "words"),
    [
        (NO_GPU, "onnxruntime-gpu-wheel", True, ""),
        (NO_GPU, "cuda", True, "no NVIDIA driver found here: these libraries need one of version 580 or later"),
        (NO_GPU, "tensorrt", True, ""),
        (RTX, "cuda", True, ""),
        (RTX, "tensorrt", True, ""),
        (SPARK, "onnxruntime-gpu-wheel", True, ""),
        (SPARK, "cuda", True, ""),
        (SPARK, "tensorrt", False, "carries CUDA and no TensorRT provider, so models run on CUDA. For TensorRT, build"),
        (ORIN, "onnxruntime-gpu-wheel", True, ""),
        (with_tensorrt((10, 14, 1)), "tensorrt", False, "the system's TensorRT 10.14.1"),
        (with_tensorrt((8, 6, 1), (10, 16)), "tensorrt", False, "the system's TensorRT 10.16"),
        (with_tensorrt((10, 3, 0)), "tensorrt", True, "the system's TensorRT is 10.3.0, ONNX Runtime needs TensorRT 10.13"),
        (with_tensorrt((11, 0, 0)), "tensorrt", True, "the system's TensorRT is 11.0.0, ONNX Runtime needs TensorRT 10.13"),
    ],
)
def test_what_is_fetched(machine: Machine, step: str, fetches: bool, words: str) -> None:
    decision = decide(step, machine)
    assert decision.fetches == fetches
    assert words in decision.words and bool(words) == bool(decision.words)


@pytest.mark.parametrize(
    ("machine", "why", "cure"),
    [
        (ORIN, "a Jetson with Jetson Linux 36.4.3, JetPack 6 (CUDA 12)", "ORT_DYLIB_PATH"),
        (XAVIER, "needs glibc 2.34, this system has 2.31", "for this JetPack"),
        (THOR, "a Jetson with Jetson Linux 38.2.0, JetPack 7 (CUDA 13)", "ORT_DYLIB_PATH"),
        (OLD_DRIVER, "the NVIDIA driver is 535.183.1, CUDA 13 needs 580 or later", "newer driver"),
        (PASCAL, "no code for this GPU: NVIDIA GeForce GTX 1080 (6.1), it needs compute capability 7.5", "for CUDA 12"),
        (OLD_SYSTEM, "needs glibc 2.28, this system has 2.27", "newer system"),
        (RISC_V, "no ONNX Runtime with CUDA for riscv64", "--use_cuda"),
    ],
)
def test_what_cannot_run_is_refused_before_it_is_fetched(machine: Machine, why: str, cure: str) -> None:
    for step in ("cuda", "tensorrt"):
        with pytest.raises(SetupError) as refused:
            decide(step, machine)
        assert why in str(refused.value) and cure in refused.value.cure


def test_a_step_that_is_left_out_says_why_and_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STAMPS", tmp_path / "stamps")
    monkeypatch.setattr(layout, "TENSORRT", tmp_path / "tensorrt")
    monkeypatch.setattr(ort, "install_tensorrt", lambda: pytest.fail("fetched"))
    (tmp_path / "tensorrt").mkdir()
    step = ort.tensorrt_step(SPARK)
    assert "no TensorRT provider" in step.perform()
    assert not (tmp_path / "tensorrt").exists()
    assert step.is_done() and not ort.tensorrt_step(RTX).is_done()


def test_the_environment_puts_nothing_before_a_jetsons_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where another machine's set-up left libraries in the folder."""
    monkeypatch.setattr(layout, "STAMPS", tmp_path / "stamps")
    monkeypatch.setattr(layout, "CUDA", layout.ROOT / ".deps" / "cuda-of-this-test")
    monkeypatch.setattr(ort.Step, "is_done", lambda self: True)
    monkeypatch.setattr(Path, "is_dir", lambda self: True)
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: [self / "libcudart.so.13"])
    assert ort.gpu_library_dirs(RTX) != []
    assert ort.library(RTX).parent == layout.ONNXRUNTIME_GPU
    for jetson in (ORIN, XAVIER, THOR):
        assert ort.gpu_library_dirs(jetson) == []
        assert ort.library(jetson).parent == layout.ONNXRUNTIME
    assert envfile.prepend("LD_LIBRARY_PATH", ort.gpu_library_dirs(ORIN)) == []


def test_facts_are_read_as_the_machines_write_them(tmp_path: Path) -> None:
    assert gpu_machine.read_tegra("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n") == (36, 4, 3)
    assert gpu_machine.read_tegra("") is None
    two = "580.65.06, NVIDIA GB10, 12.1\n580.65.06, NVIDIA H100, 9.0\n"
    assert gpu_machine.read_smi(two) == ((580, 65, 6), ("NVIDIA GB10", "NVIDIA H100"), ((12, 1), (9, 0)))
    assert gpu_machine.read_smi("540.4.0, Orin (nvgpu), [N/A]\n") == ((540, 4, 0), ("Orin (nvgpu)",), ())
    assert gpu_machine.read_smi("No devices were found\n") == (None, (), ())
    real = tmp_path / "libnvinfer.so.10.13.2"
    real.touch()
    link = tmp_path / "libnvinfer.so.10"
    link.symlink_to(real)
    assert gpu_machine.tensorrt_version(link) == (10, 13, 2)


def test_this_machine_is_described() -> None:
    machine = gpu_machine.this_machine()
    assert machine.arch and machine.glibc >= (2, 17)

"""Set up the project: `python3 scripts/setup [--gpu] [target ...]`.

Everything is put inside the project, into `.deps/`, `data/` and `models/`, but for a compiler or
Python's headers where the system lacks them: those are installed with apt-get, as root or through
a `sudo` without a password, unless VEDETTE_SYSTEM_PACKAGES=no. A step that is up to date is
skipped, without the network. Targets are done in the order of the table below, each after the
targets that it needs; with no target, all but the optional ones.

    ros                     a sourced ROS 2 (Jazzy, Kilted, Humble), or else one in .deps/ros; the Python tools
    interfaces              the message packages of msgs/ that this ROS lacks
    onnxruntime             ONNX Runtime for the CPU
    onnxruntime-oldest      optional, by name only: the oldest ONNX Runtime that will do, for the tests
    onnxruntime-gpu-wheel   optional: ONNX Runtime with the TensorRT and CUDA providers
    cuda                    optional: the CUDA and cuDNN libraries that those load (large)
    tensorrt                optional: the TensorRT libraries, where the system has none (large)
    env                     .deps/env.sh, which a shell sources
    weights                 models/yolov12n/yolov12n.onnx
    onnx                    the Python package that writes ONNX graphs
    text-encoder            models/minilm-l6-v2, a sentence encoder, its graphs written from its weights
    packaging               optional, by name only: colcon and hadolint, for the tests of what is installed
    node                    optional, by name only: Node.js and what reads recordings with it, for the tests
    parity                  optional, by name only: torch and transformers, to compare with (5.7 GB)
    footage                 data/vtest.avi
    bag                     data/vtest, the footage as a rosbag2 folder

`--gpu` adds the optional targets for a GPU; one of those that fails does not stop the steps that can do
without it. Exit status: 0 done, 1 a step failed, 2 wrong usage.
"""

import argparse
import fcntl
import sys
from functools import cache

if sys.version_info < (3, 10):
    sys.exit(f"setup: needs Python 3.10 to 3.13, this is {sys.version.split()[0]}; install one and call it by name")

import bag
import envfile
import footage
import gpu_machine
import interfaces
import layout
import ort
import package_tools
import parity
import peer_reader
import ros
import system
import text_encoder
import weights
from gpu_machine import Machine
from steps import SetupError, Step, report

NEEDS = {
    "ros": (),
    "interfaces": ("ros",),
    "onnxruntime": (),
    "onnxruntime-oldest": (),
    "onnxruntime-gpu-wheel": (),
    "cuda": ("onnxruntime-gpu-wheel",),
    "tensorrt": ("onnxruntime-gpu-wheel",),
    "env": ("ros", "interfaces", "onnxruntime"),
    "weights": (),
    "onnx": (),
    "text-encoder": ("onnx",),
    "packaging": (),
    "node": (),
    "parity": (),
    "footage": (),
    "bag": ("ros", "footage"),
}
FOR_A_GPU = ("onnxruntime-gpu-wheel", "cuda", "tensorrt")
OPTIONAL = (*FOR_A_GPU, "onnxruntime-oldest", "packaging", "node", "parity")


def wanted(targets: list[str], gpu: bool) -> list[str]:
    """The names of the steps to do, in order: the targets and all that they need."""
    names = set(targets or (name for name in NEEDS if name not in OPTIONAL))
    if gpu:
        names.update(FOR_A_GPU, ("env",))
    pending = list(names)
    while pending:
        fresh = set(NEEDS[pending.pop()]) - names
        names |= fresh
        pending += fresh
    return [name for name in NEEDS if name in names]


@cache
def machine() -> Machine:
    """The machine that runs the set-up; it does not change meanwhile."""
    return gpu_machine.this_machine()


def make_step(name: str, chosen: ros.Ros) -> Step:
    """The step called `name`; what it is keyed on is read now, after the steps before it ran."""
    if name == "ros":
        return ros.step(chosen)
    if name == "interfaces":
        return interfaces.step(chosen, make_step("ros", chosen).key())
    if name == "onnxruntime":
        return ort.cpu_step()
    if name == "onnxruntime-oldest":
        return ort.oldest_step()
    if name == "onnxruntime-gpu-wheel":
        return ort.gpu_wheel_step(machine())
    if name == "cuda":
        return ort.cuda_step(machine())
    if name == "tensorrt":
        return ort.tensorrt_step(machine())
    if name == "env":
        described = [make_step(part, chosen).key() for part in NEEDS["env"]]
        return envfile.step(chosen, machine(), described)
    if name == "weights":
        return weights.step()
    if name == "onnx":
        return text_encoder.onnx_step()
    if name == "text-encoder":
        return text_encoder.step()
    if name == "packaging":
        return package_tools.step()
    if name == "node":
        return peer_reader.step()
    if name == "parity":
        return parity.step()
    if name == "footage":
        return footage.step()
    return bag.step(chosen)


def system_needs(names: list[str], chosen: ros.Ros) -> list[system.Need]:
    """What the system must have for the steps that are not up to date."""
    due = {name for name in names if not make_step(name, chosen).is_done()}
    python = ros.base_python(chosen)
    needs: list[system.Need] = []
    if due & {"ros", "interfaces", "env"}:
        needs += system.build_needs()
    if due - {"env", "weights", "footage"}:
        needs.append(system.venv_need(python))
    if due & {"ros", "interfaces"} and "interfaces" in names and interfaces.missing_packages(chosen):
        needs += system.interface_needs(python)
    return needs


def explained(error: SetupError | OSError) -> SetupError:
    """`error` with a cure."""
    if isinstance(error, SetupError):
        return error
    return SetupError(str(error), "see to the disk's space and permissions, and run again")


def do_steps(names: list[str], chosen: ros.Ros) -> list[tuple[str, SetupError]]:
    """Do the steps in order. An optional one that fails takes along those that need it, and no
    other: what failed is returned. Where this machine's GPU cannot use the packages for one, none is fetched."""
    failures: list[tuple[str, SetupError]] = []
    left_out: set[str] = set()
    if "cuda" in names:
        try:
            gpu_machine.decide("cuda", machine())
        except SetupError as error:
            failures.append(("cuda", error))
            left_out.update(FOR_A_GPU)
    for name in names:
        if name in left_out or left_out & set(NEEDS[name]):
            left_out.add(name)
            continue
        try:
            make_step(name, chosen).ensure()
        except (SetupError, OSError) as error:
            failures.append((name, explained(error)))
            left_out.add(name)
            if name not in OPTIONAL:
                break
    return failures


def set_up(names: list[str]) -> int:
    """Do the steps in order, one set-up at a time in this project; the exit status."""
    layout.DEPS.mkdir(exist_ok=True)
    name = "ros"
    with (layout.DEPS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            chosen = ros.choose() if "ros" in names else ros.OWN
            name = "system"
            system.provide(system_needs(names, chosen))
            failures = do_steps(names, chosen)
        except (SetupError, OSError) as error:
            failures = [(name, explained(error))]
    for name, error in failures:
        report(name, error)
    return 1 if failures else 0


def main() -> int:
    """Parse the command line and set up."""
    parser = argparse.ArgumentParser(
        prog="scripts/setup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpu", action="store_true", help="also what an NVIDIA GPU needs")
    parser.add_argument("targets", nargs="*", metavar="target", help="one of those above")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in NEEDS]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(NEEDS)}")
    try:
        return set_up(wanted(arguments.targets, arguments.gpu))
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run it again to go on", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

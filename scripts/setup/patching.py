"""Corrections to the ROS wheels, so that programs outside Python can link and load their libraries.

1. The libraries name `lib*__rosidl_generator_py.so` among their needs. Those need libpython, so a
   Rust or C++ program that loads them ends with `undefined symbol: PyExc_RuntimeError`. Nothing but
   Python uses them: the names are removed.
2. librcl is linked to `librmw_fastrtps_cpp.so` itself and no `librmw_implementation.so` is shipped;
   a linker script of that name stands in for programs that ask for it.
3. The exported CMake files name the include folders of the Python that built the wheels.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import process
import pythons

BUILDER_PYTHON = re.compile(r"/opt/python/cp3\d+-cp3\d+/include/python3\.\d+")
BUILDER_NUMPY = re.compile(r"/opt/python/cp3\d+-cp3\d+/lib/python3\.\d+/site-packages/numpy/_core/include")
PYTHON_ONLY = "__rosidl_generator_py.so"


def unlink_python(log_name: str, patchelf: Path, libraries: Iterable[Path]) -> None:
    """Remove the needs of every library in `libraries` that only Python can satisfy."""
    needs = {
        path: python_only_needs(path)
        for path in libraries
        if not path.is_symlink() and not path.name.endswith(PYTHON_ONLY)
    }
    concerned = sorted(path for path, names in needs.items() if names)
    if concerned:
        names = sorted(set().union(*needs.values()))
        arguments = [word for name in names for word in ("--remove-needed", name)]
        process.run(log_name, [patchelf, *arguments, *concerned], cure="remove .deps/ros and run again")


def python_only_needs(library: Path) -> set[str]:
    """The names of Python-only libraries that the bytes of `library` mention."""
    return {match.decode() for match in re.findall(rb"lib\w+?" + re.escape(PYTHON_ONLY.encode()), library.read_bytes())}


def add_rmw_linker_script(lib: Path) -> None:
    """Let `-lrmw_implementation` mean the one middleware that is there."""
    (lib / "librmw_implementation.so").write_text("INPUT(-lrmw_fastrtps_cpp)\n")


def correct_cmake_files(prefix: Path, python: Path) -> None:
    """Point the exported CMake files to this Python's and this numpy's headers."""
    headers = str(pythons.include_dir(python))
    numpy = str(pythons.site_packages(prefix) / "numpy" / "_core" / "include")
    for path in prefix.glob("share/**/*.cmake"):
        text = path.read_text()
        corrected = BUILDER_NUMPY.sub(numpy, BUILDER_PYTHON.sub(headers, text))
        if corrected != text:
            path.write_text(corrected)
